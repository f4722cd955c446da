"""`method.formation` from the commands' calls: runs, tables, comparisons, given sets, labels by teachers, refusals."""

import json
import re
from pathlib import Path

import pytest
import torch
from listener import Listener

import ddkit
from ddkit import compare, condense, evaluate, export, leaderboard, relabel
from ddkit.errors import DDKitError, RecipeError, UsageError
from ddkit.jobs.recipes.request import name_in_table, variant
from ddkit.shipped import shipped
from ddkit.synth import Packed, SyntheticSet
from ddkit.synth import load_images as load_set

QUICK = ("evaluate.nets=2", "evaluate.steps=5", "evaluate.epochs=1", "evaluate.whole=false")
SHORT = ("method.iterations=2", "net.name=convnet", "net.width=4", "net.depth=1", *QUICK)
PACKED = (*SHORT, "method.formation=2")
TRAJECTORY = ("experts.count=1", "method.syn_steps=1", "method.expert_epochs=1", "method.max_start_epoch=1")
NAMES = ["random-real", "herding", "kmeans"]


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A run of DM with packed images, two a class."""
    return condense("dm", ipc=2, overrides=PACKED, evaluate=False, out=tmp_path / "run").folder


def packed(made: SyntheticSet) -> torch.Tensor:
    assert isinstance(made.compact, Packed)
    return made.compact.images


@pytest.mark.parametrize(("method", "more"), [("dm", ()), ("best", TRAJECTORY)])
def test_a_run_stores_packed_images_and_scores_packed_rivals(
    method: str, more: tuple[str, ...], home: Path, tmp_path: Path
) -> None:
    heard = Listener()
    made = condense(method, overrides=(*PACKED, *more), out=tmp_path / "run", meter=heard)
    own = load_set(made.folder / "set.h5")
    assert packed(own).shape == (10, 1, 8, 8) and len(own) == 40
    assert own.soft_labels is None if method == "dm" else own.soft_labels.shape == (40, 10)
    assert "compact set: 10 images of 2x2 small ones, expanded to 40" in heard.lines
    scores = json.loads(own.record.scores)["scores"]
    names = [row["name"] for row in scores]
    assert names[:7] == [f"{method}+2x2", *NAMES, *(f"{name}, packed 2x2" for name in NAMES)]
    assert [row["size"] for row in scores[1:7]] == [640] * 6
    assert "formation = 2" in own.record.recipe


def test_default_folders_differ(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [condense("dm", overrides=own, evaluate=False).folder for own in (SHORT, PACKED)]
    assert list(map(str, folders)) == ["runs/dm-digits-ipc1-seed0", "runs/dm-2x2-digits-ipc1-seed0"]
    assert "formation" not in (folders[0] / "recipe.toml").read_text()


def test_a_resumed_run_gives_the_same_bytes_and_keeps_its_formation(home: Path, tmp_path: Path) -> None:
    overrides = (*PACKED, "method.iterations=4")
    whole = condense("dm", overrides=overrides, evaluate=False, out=tmp_path / "whole").folder
    begun = condense("dm", overrides=PACKED, evaluate=False, out=tmp_path / "begun").folder
    with pytest.raises(
        RecipeError, match=r"'method\.formation': is 2 in this run and cannot become 3; begin a new one"
    ):
        condense(resume=True, out=begun, overrides=("method.formation=3",), evaluate=False)
    condense(resume=True, out=begun, overrides=("method.iterations=4",), evaluate=False)
    assert torch.equal(packed(load_set(begun / "set.h5")), packed(load_set(whole / "set.h5")))


def test_a_comparison_holds_packed_and_whole_sets(home: Path, tmp_path: Path) -> None:
    names = ("dm-digits-ipc1", "dm-digits-ipc1+2x2")
    found = compare(names, sets=1, overrides=SHORT, out=tmp_path / "compared")
    lines = {line.name: line for line in found.lines}
    assert list(lines)[:8] == ["dm", "dm+2x2", *NAMES, *(f"{name}, packed 2x2" for name in NAMES)]
    assert [line.overall.samples for line in list(lines.values())[:8]] == [10, 40, 10, 10, 10, 40, 40, 40]
    alone = compare(names[:1], sets=1, overrides=SHORT, out=tmp_path / "alone")
    for line in alone.lines:  # a packed set beside them changes no other score
        assert line.overall.accuracies == lines[line.name].overall.accuracies
    assert variant("a/b.toml+fyi+2x2") == ("a/b.toml", ("method.fyi=true", "method.formation=2"))
    assert variant("a+2x3") == ("a+2x3", ()) and name_in_table("a/b.toml+fyi+2x2") == "b-fyi-2x2"
    assert name_in_table("b+2x2+fyi") == "b-fyi-2x2"  # one recipe has one name
    odds = {odd: re.escape(f"got +{odd}") for odd in ("2x3", "12x12", "0x0", "1x1", "9x9")}
    for odd, wanted in (odds | {"2x2+3x3": "two suffixes of one kind"}).items():
        with pytest.raises(UsageError, match=rf"^recipe 'dm-digits-ipc1\+{re.escape(odd)}': .*{wanted}"):
            compare((f"dm-digits-ipc1+{odd}",), out=tmp_path / "odd")
    with pytest.raises(RecipeError, match=r"\+2x2 is for ddkit compare; here, name 'dm-digits-ipc1' and set method\.f"):
        condense(recipe="dm-digits-ipc1+2x2", out=tmp_path / "odd")
    with pytest.raises(RecipeError, match="no recipe of ddkit's; did you mean dm-digits-ipc1"):
        compare(("dm-digits-ipc1+large",), out=tmp_path / "odd")
    with pytest.raises(UsageError, match=r"'mirage-digits-graphs\+2x2': is for graphs, and \+2x2 is for images"):
        compare(("mirage-digits-graphs+2x2",), out=tmp_path / "graphs")


def test_recipes_of_one_method_are_compared_with_real_images_packed_alike(home: Path, tmp_path: Path) -> None:
    """The name of a recipe need not state that its images are packed; the name of its line does."""
    files = [tmp_path / "low.toml", tmp_path / "high.toml"]
    for file, lr in zip(files, (0.1, 10.0), strict=True):
        text = (shipped("recipes") / "dm-digits-ipc1.toml").read_text()
        file.write_text(re.sub(r"lr_img = .*", f"lr_img = {lr}\nformation = 2", text))
    found = compare(files, sets=1, overrides=SHORT, out=tmp_path / "out")
    means = {line.name: 100 * line.overall.mean for line in found.lines}
    assert list(means)[:2] == ["low-2x2", "high-2x2"]
    best, random = max(list(means)[:2], key=means.__getitem__), means["random-real, packed 2x2"]
    said = f"random images of the same size, packed 2x2: {random:.1f} %"
    assert said in ddkit.report(tmp_path / "out").read_text()
    page = leaderboard([tmp_path / "out"], tmp_path / "board")[0].with_suffix(".md").read_text()
    assert "over random, packed alike" in page and f"{means[best] - random:+.1f}" in page


def test_a_run_continues_a_packed_set_and_begins_from_any_other(folder: Path, tmp_path: Path) -> None:
    own = load_set(folder)
    cases = {
        "alike": (("method.ipc=3", "method.formation=2"), "20 of its 20 packed images, and 10 initial images as with"),
        "whole": (("method.ipc=1",), "10 of its 80 images, the first of each class"),
        "smaller": (("method.ipc=1", "method.formation=3"), "80 of its 80 images, made small, and 10 initial images"),
    }
    for name, (overrides, wanted) in cases.items():
        heard = Listener()
        overrides = (*SHORT, *overrides, f"method.pix_init=set:{folder}")
        made = condense("dm", overrides=overrides, evaluate=False, out=tmp_path / name, meter=heard).folder
        assert wanted in next(line for line in heard.lines if "begins from set" in line)
        begin = load_set(made / "initial.h5")
        if name == "alike":
            assert torch.equal(packed(begin).view(10, 3, 64)[:, :2], packed(own).view(10, 2, 64))
        elif name == "whole":
            assert torch.equal(begin.images, own.images[::8])


def test_teachers_label_each_small_image_and_only_regions_undo_the_packing(folder: Path) -> None:
    nets, overrides = "convnet(depth=1, width=4, norm=batch)", ("experts.epochs=1",)
    made = relabel(folder, nets=nets, overrides=overrides)
    assert isinstance(made.compact, Packed) and made.soft_labels is not None and made.soft_labels.shape == (80, 10)
    assert made.stored_bytes() == {"packed images": 4 * 20 * 64, "soft labels": 2 * 80 * 10}
    fewer = relabel(folder, nets=nets, overrides=overrides, ferkd="0.05,0.1,0.99")
    assert 0 < len(fewer) < 80 and fewer.compact is None and fewer.facts.formation == 2
    ddkit.save(fewer, folder / "fewer.h5")
    assert ddkit.load(folder / "fewer.h5") == fewer
    table = evaluate(made, overrides=QUICK)
    names = [score.name for score in table.scores]
    assert {"random-real, same labels", "random-real, same labels, packed 2x2"} <= set(names)


def test_what_reads_the_file_agrees(folder: Path, tmp_path: Path) -> None:
    again = load_set(export(folder, "h5", tmp_path / "again.h5"))
    assert again == load_set(folder)
    pictures = export(folder, "png", tmp_path / "png")
    assert len(list(pictures.glob("*/*.png"))) == 80
    published = export(folder, "hf", tmp_path / "hf")
    text = (published / "README.md").read_text()
    assert "20 images of 2x2 small ones, expanded to 80" in text and 'file["compact/image"]' in text
    assert load_set(published / "set.h5") == load_set(folder)


@pytest.mark.parametrize(
    ("method", "overrides", "wanted"),
    [
        (
            "rded",
            ("method.formation=2",),
            "key 'method.formation': method 'rded' cannot pack the images that it stores",
        ),
        ("infer", ("method.formation=2",), "method 'infer' cannot pack the images that it stores; leave it out"),
        (
            "dm",
            ("method.formation=0",),
            "key 'method.formation': must be an integer of at least 1 and at most 8, got 0",
        ),
        ("dm", ("method.formation=8", "method.ipc=3"), "needs 192 real images of class ., 64 in the place of one"),
    ],
)
def test_refusals_are_one_line(
    method: str, overrides: tuple[str, ...], wanted: str, home: Path, tmp_path: Path
) -> None:
    for call in (condense, ddkit.plan):
        more = {"out": tmp_path / "run"} if call is condense else {}
        with pytest.raises(DDKitError, match=wanted) as caught:
            call(method, overrides=overrides, **more)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
