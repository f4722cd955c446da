"""Files that a unit reads on a machine with another home: those below the caller's home, and others."""

from pathlib import Path

import pytest
import torch

from ddkit.executors.inputs import OUTSIDE, Inputs, copies_of, own_place, replaced_by
from ddkit.home import experts_at, experts_home
from ddkit.jobs.comparison.candidate import CondenseSet
from ddkit.jobs.comparison.images import candidate_of
from ddkit.jobs.data.loading import load_task
from ddkit.run import SilentMeter


def test_a_file_outside_the_home_has_a_name_of_its_contents(home: Path, tmp_path: Path) -> None:
    inside, outside = home / "teachers" / "a.pt", tmp_path / "mine" / "a.pt"
    for file, text in ((inside, "inside"), (outside, "outside")):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    first, second = Inputs.of([inside, outside]).files
    assert first == "teachers/a.pt" and second.startswith(f"{OUTSIDE}/") and second.endswith("/a.pt")
    assert copies_of([inside, outside]) == {str(outside): second}
    outside.write_text("changed")
    assert copies_of([outside])[str(outside)] != second


def test_a_worker_with_other_experts_of_the_same_name_reads_the_callers(home: Path, tmp_path: Path) -> None:
    """They are as long, or longer, as after training on another processor. The worker's own stay."""
    callers = home / "buffers" / "b" / "expert-000.h5"
    callers.parent.mkdir(parents=True)
    callers.write_text("the caller's")
    inputs = Inputs.of([callers])
    assert inputs.placed() == home  # one home for both: no copy
    for own in ("the worker's", "the worker's, longer"):
        callers.write_text(own)
        folder = inputs.placed()
        assert (folder / "buffers" / "b" / "expert-000.h5").read_text() == "the caller's"
        assert callers.read_text() == own
        with experts_at(folder):
            assert experts_home() == folder
    assert experts_home() == home


def test_only_the_unit_from_elsewhere_reads_the_copy(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "teacher.pt"
    with replaced_by({str(file): "outside/x/teacher.pt"}):
        assert own_place(file) == home / "outside" / "x" / "teacher.pt"
        assert own_place(tmp_path / "other.pt") == tmp_path / "other.pt"
    assert own_place(file) == file


def test_a_teacher_that_a_recipe_names_by_its_path_arrives(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has another home and no such path; the set has the bytes of one that is made beside the file."""
    file = tmp_path / "mine" / "teacher.pt"
    recipe = tmp_path / "rded.toml"

    def unit_of(nets: str, out: str) -> CondenseSet:
        experts = f'[experts]\nname = "teacher"\nepochs = 1\nnets = "{nets}"\n'
        net = '[net]\nname = "mlp"\nwidth = 8\ndepth = 1\n'
        recipe.write_text(f'[data]\nname = "digits"\n{net}{experts}[method]\nname = "rded"\nipc = 1\n')
        candidate = candidate_of(str(recipe), (), 1)
        return CondenseSet(candidate, candidate.recipes[0], tmp_path / out, torch.device("cpu"))

    trained = unit_of("mlp(width=8,depth=1)", "none")
    task = load_task(trained.recipe.data, trained.recipe.net, torch.device("cpu"))
    with trained.recipe.source(task).obtain(SilentMeter()):
        (stored,) = trained.recipe.source(task).files()
    file.parent.mkdir()
    stored.rename(file)

    here, sent = unit_of(f"file:{file}", "here"), unit_of(f"file:{file}", "sent")
    common = {here.candidate.task_key: task}
    here.run(common, lambda item: None)
    parcel = sent.parcel(common)
    inputs = Inputs.of(parcel.files)
    file.rename(tmp_path / "gone.pt")
    monkeypatch.setenv("DDKIT_HOME", str(tmp_path / "home of the worker"))
    with experts_at(inputs.placed()):
        sent.receive(parcel.unit.run(common, lambda item: None))
    made, expected = (unit.candidate.folder(unit.out, unit.recipe).set.read_bytes() for unit in (sent, here))
    assert made == expected
