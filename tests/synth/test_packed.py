"""Sets with packed images: to the bit through a file, by h5py alone, counted to the byte; and what is refused."""

import dataclasses
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from hostile_files import edited

from ddkit.errors import DataError
from ddkit.randomness import stream
from ddkit.synth import Packed, SyntheticSet, describe, export, load, read_set, unpack, write_set

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_on_a_packed_set.py"
SHAPE = (3, 5, 4)


@pytest.fixture
def make(make_set: Callable[..., SyntheticSet]) -> Callable[..., SyntheticSet]:
    """make(factor=2, soft=False, **facts): three classes of two packed images, or of `counts`."""

    def build(factor: int = 2, soft: bool = False, **facts: Any) -> SyntheticSet:
        known = dataclasses.replace(make_set(shape=SHAPE).facts, **{"formation": factor, **facts})
        draw, stored = stream(0, "packed"), sum(known.each)
        images = torch.randn(stored, *SHAPE, generator=draw)
        labels = torch.rand(stored * factor**2, 3, generator=draw).softmax(1) if soft else None
        return SyntheticSet.from_compact(Packed(images, factor), known, labels)

    return build


@pytest.mark.parametrize("soft", [False, True], ids=["classes", "soft labels"])
@pytest.mark.parametrize("facts", [{}, {"factor": 3}, {"ipc": None, "counts": (3, 1, 2)}], ids=["2x2", "3x3", "uneven"])
def test_a_file_gives_the_same_set(
    soft: bool, facts: dict[str, Any], make: Callable[..., SyntheticSet], tmp_path: Path
) -> None:
    made, path = make(soft=soft, **facts), tmp_path / "set.h5"
    write_set(made, path)
    read = read_set(path)
    assert read == made and read.digest == made.digest
    assert isinstance(read.compact, Packed)
    factor, each = read.compact.factor, made.facts.each
    assert len(read) == sum(each) * factor**2
    assert read.labels.tolist() == [c for c, count in enumerate(each) for _ in range(count * factor**2)]
    assert torch.equal(read.images, unpack(read.compact.images, factor))
    again = tmp_path / "again.h5"
    write_set(read, again)
    assert again.read_bytes() == path.read_bytes()


def test_h5py_alone_gives_the_same_images(make: Callable[..., SyntheticSet], tmp_path: Path) -> None:
    path = tmp_path / "set.h5"
    write_set(made := make(soft=True), path)
    with h5py.File(path) as file:
        assert set(file) == {"compact", "ddkit", "soft_label"} and set(file["compact"]) == {"image"}
        assert (file.attrs["kind"], file["compact"].attrs["expansion"]) == ("compact", "packed/1")
        np.testing.assert_array_equal(runpy.run_path(str(EXAMPLE))["expand"](file), made.images.numpy())
        sizes = {"packed images": file["compact/image"].nbytes, "soft labels": file["soft_label"].nbytes}
        assert made.stored_bytes() == sizes
        assert file["compact/image"].id.get_storage_size() == sizes["packed images"]
    assert describe(path).stored_bytes == sum(sizes.values())


def test_the_set_has_the_bytes_of_its_packed_images(make: Callable[..., SyntheticSet]) -> None:
    assert make().stored_bytes() == {"packed images": 4 * 6 * 3 * 5 * 4}
    assert make().facts.title == "ftd+2x2" and make(fyi=True, factor=3).facts.title == "ftd+fyi+3x3"


@pytest.mark.parametrize("kind", ["npz", "pt", "png"])
def test_exports_hold_the_expanded_images(kind: str, make: Callable[..., SyntheticSet], tmp_path: Path) -> None:
    made = make()
    path = export(made, made.raw_images, kind, tmp_path / "out")
    if kind == "npz":
        np.testing.assert_array_equal(np.load(path)["image"], made.images.numpy())
    elif kind == "pt":
        assert torch.equal(torch.load(path)["image"], made.images)
    else:
        assert len(list(path.glob("*/*.png"))) == len(made) == 24


def test_wrong_parts_and_facts_are_one_line(make: Callable[..., SyntheticSet]) -> None:
    made = make()
    images = made.compact.images
    for parts, wanted in (
        ((images, 1), "can be 2x2 small ones or more, with a pixel each, got factor 1"),
        ((images, 5), "images of 5x4 pixels can be 2x2 small ones or more, with a pixel each, got factor 5"),
        ((images[0], 2), r"needs floats \[N, C, H, W\], got torch.float32 \[3, 5, 4\]"),
        ((images.byte(), 2), r"needs floats \[N, C, H, W\], got torch.uint8"),
        ((images * torch.inf, 2), "an image has numbers that are not finite"),
    ):
        with pytest.raises(DataError, match=wanted):
            Packed(*parts)
    for facts, wanted in (
        ({"formation": None}, "facts state 6 images and formation None, but its compact form has 6 images of 2x2"),
        ({"formation": 3}, "facts state 6 images and formation 3, but its compact form has 6 images of 2x2 small ones"),
        ({"ipc": 1}, "facts state 3 images and formation 2, but its compact form has 6 images of 2x2 small ones"),
        ({"formation": 1}, "fact 'formation' must be at least 2, got 1; leave it out"),
    ):
        with pytest.raises(DataError, match=wanted):
            SyntheticSet.from_compact(Packed(images, 2), dataclasses.replace(made.facts, **facts))
    with pytest.raises(DataError, match="its images are not those of its compact form; make it with"):
        dataclasses.replace(made, images=made.images + 1)
    with pytest.raises(DataError, match="fact 'formation' is 2, but its images are not packed; make it with"):
        dataclasses.replace(made, compact=None)


def _no_formation(file: h5py.File) -> None:
    del file.attrs["formation"]


def _another_formation(file: h5py.File) -> None:
    file.attrs["formation"] = 9


def _real_images(file: h5py.File) -> None:
    file["compact/real"] = np.zeros((3, 2, *SHAPE), np.uint8)


def _of_infer(file: h5py.File) -> None:
    file["compact"].attrs["expansion"] = "real+compensator/1"


def _fewer(file: h5py.File) -> None:
    images = file["compact/image"][:-1]
    del file["compact/image"]
    file["compact/image"] = images


@pytest.mark.parametrize("damage", [_no_formation, _another_formation, _real_images, _of_infer, _fewer])
def test_a_file_that_does_not_fit_is_one_line(
    damage: Callable[[h5py.File], None], make: Callable[..., SyntheticSet], tmp_path: Path
) -> None:
    write_set(make(), tmp_path / "set.h5")
    with edited(tmp_path / "set.h5") as file:
        damage(file)
    with pytest.raises(DataError, match="is damaged") as caught:
        load(tmp_path / "set.h5")
    assert "\n" not in str(caught.value)


def test_a_set_of_whole_images_states_no_formation(make_set: Callable[..., SyntheticSet], tmp_path: Path) -> None:
    write_set(made := make_set(), tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5") as file:
        assert "formation" not in file.attrs and "compact" not in file
    assert "formation" not in made.facts.stated() and "formation" not in repr(made.facts)
