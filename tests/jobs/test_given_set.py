"""`method.pix_init = "set:FILE"`: a run begins from the images of a finished set."""

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from listener import Listener

from ddkit import compare, condense, load
from ddkit.data import DataSettings, load_images, prepare
from ddkit.errors import DataError, RecipeError
from ddkit.methods import MethodSettings, image_method, method_names
from ddkit.synth import Record, SetFacts, SyntheticSet, write_set
from ddkit.synth import load_images as load_set

SHORT = ("method.iterations=1", "net.name=convnet", "net.width=4", "net.depth=1")
TRAJECTORY = (*SHORT, "experts.count=1", "method.syn_steps=1", "method.expert_epochs=1", "method.max_start_epoch=1")


@pytest.fixture
def given(tmp_path: Path, home: Path) -> Path:
    """A set of three images a class of digits, as herding selects them."""
    return condense("herding", ipc=3, evaluate=False, out=tmp_path / "given").folder


def initial(folder: Path) -> torch.Tensor:
    return load_set(folder / "initial.h5").images.view(10, -1, 1, 8, 8)


@pytest.mark.parametrize("method", ["dm", "dc", "mtt", "datm"])
@pytest.mark.parametrize("ipc", [1, 3, 5])
def test_a_run_begins_from_the_first_images_and_fills_with_the_usual_ones(
    method: str, ipc: int, given: Path, tmp_path: Path
) -> None:
    usual, short = {
        "dm": ("real", SHORT),
        "dc": ("noise", (*SHORT, "method.outer_loop=1")),
        "mtt": ("real", TRAJECTORY),
        "datm": ("samples_predicted_correctly", TRAJECTORY),
    }[method]
    heard = Listener()
    made = condense(
        method,
        ipc=ipc,
        overrides=(*short, f"method.pix_init=set:{given}"),
        evaluate=False,
        out=tmp_path / "run",
        meter=heard,
    )
    begin, own = initial(made.folder), load(given).images.view(10, 3, 1, 8, 8)
    assert torch.equal(begin[:, :3], own[:, :ipc])
    real = prepare(load_images("digits"), DataSettings()).train
    for c, image in [(c, image) for c, images in enumerate(begin[:, 3:]) for image in images]:
        found = real.labels[(real.images == image).flatten(1).all(1)].tolist()
        assert found == ([] if usual == "noise" else [c])
    (line,) = [line for line in heard.lines if "begins from set" in line]
    assert f"{10 * min(3, ipc)} of its 30 images" in line
    assert ("20 initial images as with method.pix_init=" in line) == (ipc == 5)
    assert line.endswith(f"method.pix_init={usual}") == (ipc == 5)
    lineage = json.loads(made.set.record.lineage)
    assert lineage["initial_set"] == hashlib.sha256((given / "set.h5").read_bytes()).hexdigest()


def test_every_setting_of_initial_images_takes_a_set() -> None:
    """Methods of third parties too, if they use `InitialImages`."""
    learn = [image_method(name).settings_class for name in method_names("images")]
    takes = [cls for cls in learn if "pix_init" in {field.name for field in dataclasses.fields(cls)}]
    assert {cls.name for cls in takes} >= {"dm", "dc", "dsa", "mtt", "ftd", "ast", "datm"}
    for cls in takes:
        settings: MethodSettings = cls(pix_init="set:x.h5")
        assert settings.pix_init == "set:x.h5"  # type: ignore[attr-defined]
        with pytest.raises(RecipeError, match=r"must be one of real, .*, set:FILE, got 'set:'"):
            cls(pix_init="set:")


def test_a_resumed_run_is_the_uninterrupted_one_and_refuses_another_set(given: Path, tmp_path: Path) -> None:
    overrides = (*SHORT, f"method.pix_init=set:{given}")
    condense("dm", ipc=1, overrides=overrides, evaluate=False, out=tmp_path / "run")
    longer = ("method.iterations=3",)
    again = condense("dm", overrides=longer, evaluate=False, out=tmp_path / "run", resume=True)
    whole = condense("dm", ipc=1, overrides=(*overrides, *longer), evaluate=False, out=tmp_path / "whole")
    assert torch.equal(again.set.images, whole.set.images)
    condense("random", ipc=3, evaluate=False, out=tmp_path / "other")
    (given / "set.h5").write_bytes((tmp_path / "other" / "set.h5").read_bytes())
    with pytest.raises(DataError, match="other"):
        condense("dm", overrides=("method.iterations=4",), evaluate=False, out=tmp_path / "run", resume=True)


def test_a_comparison_refuses_a_set_that_began_from_another_file(given: Path, tmp_path: Path) -> None:
    overrides = (*SHORT, f"method.pix_init=set:{given}", "evaluate.steps=2", "evaluate.whole=false")
    compare(["dm-digits-ipc1"], nets=2, overrides=overrides, out=tmp_path / "out")
    condense("random", ipc=3, evaluate=False, out=tmp_path / "other")
    (given / "set.h5").write_bytes((tmp_path / "other" / "set.h5").read_bytes())
    with pytest.raises(DataError, match="began from another set"):
        compare(["dm-digits-ipc1"], nets=2, overrides=overrides, out=tmp_path / "out")


def test_a_set_of_another_space_is_converted_through_pixels(given: Path, tmp_path: Path) -> None:
    heard = Listener()
    made = condense(
        "dm",
        ipc=3,
        overrides=(*SHORT, f"method.pix_init=set:{given}", "data.preprocess=zca"),
        evaluate=False,
        out=tmp_path / "run",
        meter=heard,
    )
    assert any("converted through pixels" in line for line in heard.lines)
    white = prepare(load_images("digits"), DataSettings(preprocess="zca")).preprocess
    pixels = white.inverse(load_set(made.folder / "initial.h5").images)
    np.testing.assert_allclose(pixels, load(given).raw_images, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"classes": tuple("abcdefghij")}, "its classes are ('a', 'b'"),
        ({"images": (1, 9, 8)}, r"its images' channels, height and width are (1, 9, 8), but those of the data are"),
    ],
)
def test_a_set_of_other_classes_or_shape_is_refused(
    change: dict[str, tuple[str, ...]], line: str, home: Path, tmp_path: Path
) -> None:
    real = prepare(load_images("digits"), DataSettings())
    facts = SetFacts(
        method="x",
        dataset="y",
        data_digest="0",
        classes=change.get("classes", real.data.classes),
        ipc=1,
        space="normalised",
        preprocess_digest="0",
        net="mlp",
        mean=(0.0,),
        std=(1.0,),
    )
    images = torch.zeros(10, *change.get("images", (1, 8, 8)))
    write_set(SyntheticSet(images=images, labels=torch.arange(10), facts=facts, record=Record()), tmp_path / "own.h5")
    with pytest.raises(DataError) as error:
        condense("dm", overrides=(*SHORT, f"method.pix_init=set:{tmp_path / 'own.h5'}"), out=tmp_path / "run")
    assert line in str(error.value) and "method.pix_init" in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_missing_set_is_one_line(home: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        condense("dm", overrides=(*SHORT, "method.pix_init=set:none.h5"), out=tmp_path / "run")
