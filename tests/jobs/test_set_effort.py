"""The estimate of a set's memory and time against measurements, and the order of a comparison's sets."""

import ctypes
import gc
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ddkit
from ddkit.data import DSA, DataSettings
from ddkit.executors import Needs
from ddkit.jobs.comparison import images
from ddkit.jobs.comparison.images import candidate_of
from ddkit.jobs.data.loading import load_task
from ddkit.jobs.planning.gauge import Gauge
from ddkit.jobs.planning.set_effort import SetEffort
from ddkit.methods import Context, image_method
from ddkit.nets import parse_net
from ddkit.run import Meter

TEACHER = '[experts]\nname = "teacher"\nnets = "convnet(norm=batch,width=32)"\nepochs = 1\n'
METHODS = {
    "mtt": '[experts]\nname = "plain"\ncount = 1\n[method]\nname = "mtt"\nipc = 10\niterations = 1\nsyn_steps = 4\n'
    "max_start_epoch = 1\nexpert_epochs = 1\n",
    "dm": '[method]\nname = "dm"\nipc = 10\niterations = 1\n',
    "dc": '[method]\nname = "dc"\nipc = 10\niterations = 1\nouter_loop = 1\n',
    "sre2l": TEACHER + '[method]\nname = "sre2l"\nipc = 10\niterations = 1\n',
    "rded": TEACHER + '[method]\nname = "rded"\nipc = 2\n',
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,000 random images of 32 x 32 x 3."""
    file, draw = tmp_path_factory.mktemp("data") / "random.npz", np.random.default_rng(0)
    parts = {
        part: draw.integers(0, 256, (count, 32, 32, 3), np.uint8) for part, count in (("train", 1000), ("test", 20))
    }
    arrays = {f"{part}_images": pixels for part, pixels in parts.items()}
    labels = {f"{part}_labels": np.arange(len(pixels)) % 10 for part, pixels in parts.items()}
    np.savez(file, **arrays, **labels)
    return file


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")
@pytest.mark.parametrize("name", METHODS)
def test_the_memory_of_a_set_is_that_of_its_largest_step(name: str, data: Path, tmp_path: Path, home: Path) -> None:
    """At least what one step needs, as a gauge measures it, and at most eight times that."""
    recipe = tmp_path / f"{name}.toml"
    recipe.write_text(f'[data]\nname = "npz:{data}"\n[net]\nname = "convnet"\nwidth = 32\n{METHODS[name]}')
    own = candidate_of(str(recipe), (), 1).recipes[0]
    task = load_task(own.data, own.net, torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        experts = own.source(task).stand_ins(Path(folder), 0)
        method: Any = image_method(own.method.name)(
            own.method, Context(task, 0, experts.trajectories, experts.teachers)
        )
        gauge = Gauge(torch.device("cpu"))
        state = method.init() if hasattr(method, "init") else None
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)  # freed memory that the process still has would hide what the step needs
        measured = gauge.once(method.distil if state is None else lambda: method.step(state)).memory
    estimate = SetEffort.of(own, task).needs
    assert estimate.device == torch.device("cpu") and estimate.shared == task.data_bytes
    assert measured < estimate.memory < estimate.rough * measured


def test_a_process_has_a_copy_of_the_data_of_all_tasks(home: Path) -> None:
    """Tables under two augmentations have one task's data, which is pickled once."""
    one, other = (load_task(DataSettings(name="digits"), parse_net("mlp"), torch.device("cpu")) for _ in range(2))
    cuda, tasks = torch.device("cuda"), [one, one.with_augmentation(DSA("")), other]
    found = images._largest([Needs(cuda, 9, 5), Needs(cuda, 8, 70)], tasks)
    assert found == Needs(cuda, 9, one.data_bytes + other.data_bytes)


def test_the_longest_sets_begin_first(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equally long ones stay in their order. The table stays in the order of the recipes."""
    begun: list[tuple[str, int]] = []
    run_units = images.run_units

    def run(units: Sequence[Any], common: Any, needs: Needs, title: str, meter: Meter) -> None:
        begun.extend((unit.candidate.name, unit.recipe.seed) for unit in units)
        assert needs.memory > 0
        run_units(units, common, needs, title, meter)

    monkeypatch.setattr(images, "run_units", run)
    head = '[data]\nname = "digits"\n[net]\nname = "mlp"\nwidth = 8\ndepth = 1\n[method]\nipc = 1\n'
    rest = "[evaluate]\nnets = 2\nsteps = 3\nepochs = 1\nwhole = false\n"
    recipes = []
    for name, method in {"few": 'name = "dm"\niterations = 2\n', "many": 'name = "dm"\niterations = 9\n'}.items():
        recipes.append(tmp_path / f"{name}.toml")
        recipes[-1].write_text(head + method + rest)
    recipes.insert(0, tmp_path / "one-shot.toml")
    recipes[0].write_text(head + 'name = "random"\n' + rest)
    table = ddkit.compare(recipes, sets=2, out=tmp_path / "out", device="cpu")
    assert begun == [("many", 0), ("many", 1), ("few", 0), ("few", 1), ("one-shot", 0), ("one-shot", 1)]
    assert [line.name for line in table.lines][:3] == ["random", "few", "many"]
