import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddkit.data import load_images
from ddkit.errors import DataError

pytestmark = pytest.mark.usefixtures("isolated")

WNIDS = ("n02", "n03", "n01")  # as wnids.txt of the real set, not sorted
WORDS = "n00\tentity\nn01\tcrane, lifting device\nn02\tgoldfish, Carassius auratus\nn03\tcrane\nn04\tvoid\n"
VAL = {"val_0.JPEG": "n03", "val_1.JPEG": "n01", "val_2.JPEG": "n02", "val_10.JPEG": "n01"}


def write(file: Path, seed: int, grey: bool = False, side: int = 64) -> np.ndarray:
    """A random picture, kept without loss (a PNG in all but its name), as [3, side, side]."""
    shape = (side, side) if grey else (side, side, 3)
    array = np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(file, format="PNG")
    return np.stack([array] * 3) if grey else array.transpose(2, 0, 1)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The official layout with three classes of two training pictures; the first of n02 is grey."""
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path / "pictures"))
    root = tmp_path / "pictures" / "tiny-imagenet-200"
    for k, wnid in enumerate(WNIDS):
        for i in range(2):
            write(root / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", 10 * k + i, grey=k == i == 0)
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text("boxes")
    for i, name in enumerate(VAL):
        write(root / "val" / "images" / name, 100 + i, grey=name == "val_2.JPEG")
    (root / "val" / "val_annotations.txt").write_text("".join(f"{p}\t{w}\t0\t0\t63\t63\n" for p, w in VAL.items()))
    (root / "test" / "images").mkdir(parents=True)
    (root / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    (root / "words.txt").write_text(WORDS)
    return root


def test_the_official_layout(tree: Path, tmp_path: Path) -> None:
    data = load_images("tiny-imagenet")
    assert data.classes == ("crane n01", "goldfish", "crane n03")
    assert (data.name, data.shape, data.flips_keep_label) == ("tiny-imagenet", (3, 64, 64), True)
    assert data.licence == "ImageNet's terms: non-commercial research"
    again = tmp_path / "again.png"
    expected = [write(again, seed, grey=seed == 0) for seed in (20, 21, 0, 1, 10, 11)]
    np.testing.assert_array_equal(data.train_images, expected)
    assert data.train_labels.tolist() == [0, 0, 1, 1, 2, 2]
    expected = [write(again, seed, grey=seed == 102) for seed in (101, 103, 102, 100)]  # val_1, val_10, val_2, val_0
    np.testing.assert_array_equal(data.test_images, expected)
    assert data.test_labels.tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("inner", ["", "images"])
def test_a_rearranged_val_is_the_same_data(tree: Path, inner: str) -> None:
    official = load_images("tiny-imagenet").digest
    for name, wnid in VAL.items():
        (tree / "val" / wnid / inner).mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / "val" / "images" / name, tree / "val" / wnid / inner / name)
    assert load_images("tiny-imagenet").digest == official  # copied: both are there
    for name in VAL:
        (tree / "val" / "images" / name).unlink()
    (tree / "val" / "images" / ".DS_Store").write_text("passed over")
    assert load_images("tiny-imagenet").digest == official
    shutil.rmtree(tree / "val" / "images")
    (tree / "val" / "val_annotations.txt").unlink()
    assert load_images("tiny-imagenet").digest == official
    shutil.rmtree(tree / "val" / "n03")
    with pytest.raises(DataError, match=r"there is no class folder '.*val/n03'"):
        load_images("tiny-imagenet")


def test_where_it_is_looked_for(tree: Path, home: Path) -> None:
    data = load_images("tiny-imagenet")
    (home / "data").mkdir()
    shutil.copytree(tree, home / "data" / tree.name)
    write(home / "data" / tree.name / "val" / "images" / "val_0.JPEG", 7)
    assert load_images("tiny-imagenet").digest == data.digest  # $DDKIT_DATA comes before home/data
    shutil.rmtree(tree)
    at_home = load_images("tiny-imagenet")
    assert at_home.digest != data.digest and at_home.train_images.equal(data.train_images)
    arrays = {
        f"{part}_{what}": np.moveaxis(tensor.numpy(), 1, -1) if what == "images" else tensor.numpy()
        for part in ("train", "test")
        for what in ("images", "labels")
        if (tensor := getattr(data, f"{part}_{what}")) is not None
    }
    np.savez(tree.parent / "tiny_imagenet.npz", **arrays, classes=np.array(data.classes))
    assert load_images("tiny-imagenet").digest == data.digest  # an archive comes before all folders
    np.savez(tree.parent / "tiny_imagenet.npz", **arrays)
    assert load_images("tiny-imagenet").classes == ("0", "1", "2")


def test_a_missing_folder_is_one_line(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = rf"'tiny-imagenet': there is no folder tiny-imagenet-200 in '{home / 'data'}', and ddkit cannot download it"
    with pytest.raises(DataError, match=line):
        load_images("tiny-imagenet")
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match=f"in '{tmp_path}' or '{home / 'data'}', .* unpack .* DDKIT_DATA") as error:
        load_images("tiny-imagenet")
    assert "\n" not in str(error.value)


ANNOTATIONS = "val/val_annotations.txt"
RIGHT = "".join(f"{name}\t{wnid}\t0\t0\t63\t63\n" for name, wnid in VAL.items())


@pytest.mark.parametrize(
    ("file", "content", "line"),
    [
        ("wnids.txt", None, "wnids.txt' cannot be read"),
        ("wnids.txt", b"\n", "wnids.txt' is empty"),
        ("wnids.txt", b"n01\nn02\nn03\nn04\n", "there is no class folder '.*train/n04'"),
        ("words.txt", None, "words.txt' cannot be read"),
        ("words.txt", b"\xff\xfe", "words.txt' cannot be read"),
        ("words.txt", b"n01\tcrane\nn02\t\n", "words.txt' has no name for n02"),
        (ANNOTATIONS, None, "val_annotations.txt' cannot be read"),
        (ANNOTATIONS, RIGHT.replace(RIGHT.splitlines(True)[1], "").encode(), "val_1.JPEG' has no line in val_annot"),
        (ANNOTATIONS, (RIGHT + "val_7.JPEG\tn01\n").encode(), "val_7.JPEG' is missing, but named in val_annotations"),
        (ANNOTATIONS, (RIGHT + "val_0.JPEG\tn01\n").encode(), r"the line 'val_0.JPEG\\tn01' names a picture again"),
        (ANNOTATIONS, RIGHT.replace("n03", "n09").encode(), r"the line 'val_0.JPEG\\tn09\\t.*' names no wnid of wnids"),
        (ANNOTATIONS, RIGHT.replace("\t", " ").encode(), "the line 'val_0.JPEG n03 0 .*' names no wnid of wnids"),
        ("val/images/val_2.JPEG", None, "val_2.JPEG' is missing, but named in"),
        ("val/images/val_2.JPEG", b"\xff\xd8\xff\xe0", "val_2.JPEG' is not a readable picture"),
        ("train/n01/images/n01_1.JPEG", b"", "n01_1.JPEG' is not a readable picture"),
    ],
)
def test_what_is_damaged_or_missing_is_named(tree: Path, file: str, content: bytes | None, line: str) -> None:
    (tree / file).unlink() if content is None else (tree / file).write_bytes(content)
    with pytest.raises(DataError, match=rf"dataset 'tiny-imagenet': .*{line}") as error:
        load_images("tiny-imagenet")
    assert "\n" not in str(error.value)


def test_other_sizes_and_an_empty_val_are_refused(tree: Path) -> None:
    write(tree / "val" / "images" / "val_2.JPEG", 1, side=32)
    with pytest.raises(DataError, match=r"val_2.JPEG' is 32 x 32; 9 of 10 are 64 x 64; convert them to one"):
        load_images("tiny-imagenet")
    for file in tree.rglob("*.JPEG"):
        write(file, 1, side=32)
    with pytest.raises(DataError, match=r"pictures are 64 x 64, '.*' is 32 x 32; "):
        load_images("tiny-imagenet")
    shutil.rmtree(tree / "val" / "images")
    with pytest.raises(DataError, match=r"there are no pictures in '.*val/images' nor in '.*val/WNID'"):
        load_images("tiny-imagenet")
