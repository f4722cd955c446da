import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddkit.data import load_images
from ddkit.errors import DataError

CLASSES = ("cat", "dog", "train")


def save_pictures(root: Path, images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...] = CLASSES) -> None:
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / classes[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i:04d}.png")


def random_images(count: int, channels: int, seed: int = 0) -> np.ndarray:
    shape = (count, 6, 7) if channels == 1 else (count, 6, 7, 3)
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("with_test", [True, False])
def test_a_folder_of_pngs_and_an_npz_are_the_same_data(tmp_path: Path, channels: int, with_test: bool) -> None:
    images, labels = random_images(30, channels), np.repeat([0, 1, 2], 10)
    arrays = {"train_images": images, "train_labels": labels, "classes": np.array(CLASSES)}
    if with_test:
        test_images, test_labels = random_images(4, channels, seed=1), np.array([0, 2, 2, 2])
        arrays |= {"test_images": test_images, "test_labels": test_labels}
        save_pictures(tmp_path / "zoo" / "train", images, labels)
        save_pictures(tmp_path / "zoo" / "test", test_images, test_labels)
    else:
        save_pictures(tmp_path / "zoo", images, labels)
    np.savez(tmp_path / "zoo.npz", **arrays)
    folder, archive = load_images(f"folder:{tmp_path / 'zoo'}"), load_images(f"npz:{tmp_path / 'zoo.npz'}")
    assert folder.digest == archive.digest
    assert (folder.name, folder.classes, folder.flips_keep_label) == ("zoo", CLASSES, None)


def test_val_is_the_test_part_where_there_is_no_other(tmp_path: Path) -> None:
    save_pictures(tmp_path / "train", random_images(30, 3), np.repeat([0, 1, 2], 10))
    save_pictures(tmp_path / "val", random_images(4, 3, seed=1), np.array([0, 2, 2, 2]))
    with_val = load_images(f"folder:{tmp_path}")
    np.testing.assert_array_equal(with_val.test_images.permute(0, 2, 3, 1), random_images(4, 3, seed=1))
    assert with_val.test_labels.tolist() == [0, 2, 2, 2] and len(with_val.train_labels) == 30
    save_pictures(tmp_path / "test", random_images(5, 3, seed=2), np.array([0, 0, 1, 1, 2]))
    both = load_images(f"folder:{tmp_path}")
    np.testing.assert_array_equal(both.test_images.permute(0, 2, 3, 1), random_images(5, 3, seed=2))
    assert both.train_labels.tolist() == with_val.train_labels.tolist()
    assert both.validation_images is not None and both.validation_labels is not None
    np.testing.assert_array_equal(both.validation_images.permute(0, 2, 3, 1), random_images(4, 3, seed=1))
    assert both.validation_labels.tolist() == [0, 2, 2, 2]
    assert both.origins == {"validation": "yours", "test": "yours"} and with_val.origins == {"test": "yours"}
    assert with_val.notes == ("folders: train from 'train', test from 'val'",)


@pytest.mark.parametrize(
    "names", [("Train", "valid", "Testing"), ("training", "Validation", "test"), ("TRAIN", "val", "TEST")]
)
def test_parts_go_by_several_names(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for seed, part in enumerate(("train", "val", "test")):
        for root, name in (("plain", part), ("named", names[seed])):
            save_pictures(tmp_path / root / name, random_images(9, 3, seed), np.arange(9) % 3)
    plain, named = load_images(f"folder:{tmp_path / 'plain'}"), load_images(f"folder:{tmp_path / 'named'}")
    assert named.digest == plain.digest and named.validation_images is not None
    assert named.notes == (f"folders: train from '{names[0]}', validation from '{names[1]}', test from '{names[2]}'",)


@pytest.mark.parametrize(
    ("folders", "line"),
    [
        (("train", "holdout"), "contains 'holdout' beside 'train', which is not the name of a part; there are: test"),
        (("train", "tests"), "contains 'tests' beside 'train', .* did you mean test"),
        (("train", "Train"), "'Train' and 'train' are both the train part; keep one"),
        (("train", "val", "valid"), "'val' and 'valid' are both the validation part; keep one"),
        (
            ("all/zoo",),
            r"found DIR/zoo/cat/..., one folder too deep; ddkit reads DIR/CLASS/PICTURE, .*; write folder:.*/all/zoo",
        ),
        (("all/zoo/train", "all/zoo/test"), r"found DIR/zoo/test/..., one folder too deep; .*; write folder:.*/zoo"),
        (("test",), r"found DIR/test/cat/..., one folder too deep; .*; write folder:.*/test"),
        (("one", "two"), r"found DIR/one/cat/..., one folder too deep; .*; move the pictures up"),
        (("test", "val"), r"found DIR/test/cat/..., one folder too deep; .* name the training part train"),
    ],
)
def test_other_layouts_are_named(tmp_path: Path, folders: tuple[str, ...], line: str) -> None:
    for folder in folders:
        save_pictures(tmp_path / folder, random_images(4, 3), np.array([0, 0, 1, 1]))
    with pytest.raises(DataError, match=line) as error:
        load_images(f"folder:{tmp_path}")
    assert "\n" not in str(error.value)


def test_files_beside_the_folders_are_named_or_refused(tmp_path: Path) -> None:
    save_pictures(tmp_path / "train", random_images(9, 3), np.arange(9) % 3)
    (tmp_path / "README.txt").write_text("zoo")
    (tmp_path / "train" / "labels.csv").write_text("zoo")
    (tmp_path / ".DS_Store").write_text("passed over without a word")
    notes = load_images(f"folder:{tmp_path}").notes
    assert notes == (
        f"not read in '{tmp_path.name}': README.txt",
        "folders: train from 'train'",
        "not read in 'train': labels.csv",
    )
    Image.new("RGB", (7, 6)).save(tmp_path / "train" / "loose.png")
    with pytest.raises(DataError, match=r"loose.png' is beside folders, so it has no class; move it into one"):
        load_images(f"folder:{tmp_path}")


@pytest.mark.parametrize("name", ["tiny-imagenet-200", "tiny"])
def test_tiny_imagenets_own_tree_points_at_its_name(tmp_path: Path, name: str) -> None:
    for wnid in ("n01", "n02"):
        save_pictures(tmp_path / name / "train" / wnid, random_images(2, 3), np.zeros(2, int), ("images",))
    (tmp_path / name / "wnids.txt").write_text("n01\nn02\n")
    rename = "; name the folder tiny-imagenet-200" if name == "tiny" else ""
    line = f"is Tiny-ImageNet as it is distributed; use the data tiny-imagenet, and name '{tmp_path}' in .*{rename}$"
    for path in (tmp_path / name, tmp_path)[: 1 if rename else 2]:
        with pytest.raises(DataError, match=line):
            load_images(f"folder:{path}")
    (tmp_path / name / "wnids.txt").unlink()
    with pytest.raises(DataError, match=r"n01/images' is a folder, where a picture of class 'n01' should be"):
        load_images(f"folder:{tmp_path / name}")


def test_what_macos_packs_beside_pictures_is_to_be_removed(tmp_path: Path) -> None:
    save_pictures(tmp_path / "train", random_images(9, 3), np.arange(9) % 3)
    (tmp_path / "__MACOSX").mkdir()
    with pytest.raises(DataError, match="contains '__MACOSX', which macOS adds to archives; remove it"):
        load_images(f"folder:{tmp_path}")


@pytest.mark.parametrize("parts", [("",), ("train", "test")])
def test_a_folder_around_all_others_is_passed_through(tmp_path: Path, parts: tuple[str, ...]) -> None:
    for seed, part in enumerate(parts):
        save_pictures(tmp_path / "outer" / "zoo" / part, random_images(30, 3, seed), np.arange(30) % 3)
    inner, outer = load_images(f"folder:{tmp_path / 'outer' / 'zoo'}"), load_images(f"folder:{tmp_path / 'outer'}")
    assert outer.digest == inner.digest and outer.name == "outer"
    assert outer.notes == ("read from 'zoo', the only folder", *inner.notes)


def test_val_alone_or_beside_classes_is_a_class(tmp_path: Path) -> None:
    save_pictures(tmp_path, random_images(12, 3), np.arange(12) % 3, ("train", "val", "yak"))
    assert load_images(f"folder:{tmp_path}").classes == ("train", "val", "yak")


def test_train_alone_is_cut(tmp_path: Path) -> None:
    images, labels = random_images(30, 3), np.repeat([0, 1, 2], 10)
    save_pictures(tmp_path / "train", images, labels)
    save_pictures(tmp_path / "flat", images, labels)
    (tmp_path / "flat" / ".DS_Store").write_text("passed over")
    flat = load_images(f"folder:{tmp_path / 'flat'}")
    assert len(flat.test_labels) == 6
    for picture in (tmp_path / "flat").rglob("*.png"):
        picture.unlink()
    with pytest.raises(DataError, match="is empty"):
        load_images(f"folder:{tmp_path / 'flat'}")
    for folder in CLASSES:
        (tmp_path / "flat" / folder).rmdir()
    (tmp_path / "flat" / ".DS_Store").unlink()
    (tmp_path / "flat").rmdir()
    assert load_images(f"folder:{tmp_path}").digest == flat.digest


@pytest.mark.parametrize(
    ("odd", "line"),
    [
        (Image.new("RGB", (7, 5)), "'dog/odd.png' is 7 x 5 RGB; 6 of 7 are 7 x 6 RGB; set data.resize=5, or convert"),
        (Image.new("L", (7, 6)), "'dog/odd.png' is 7 x 6 L; 6 of 7 are 7 x 6 RGB; set data.mode=RGB, or convert"),
        (
            Image.new("RGBA", (7, 6)),
            "1 of 7 pictures cannot be used: 'dog/odd.png' has mode RGBA; set data.mode=RGB, or convert",
        ),
        (None, r"'dog/odd.png' is not a readable picture \(.*\); repair or remove what is not readable"),
    ],
)
def test_an_odd_picture_is_named_with_the_setting_that_takes_it(
    tmp_path: Path, odd: Image.Image | None, line: str
) -> None:
    save_pictures(tmp_path, random_images(6, 3), np.repeat([0, 1, 2], 2))
    if odd is None:
        whole = (tmp_path / "cat" / "0000.png").read_bytes()
        (tmp_path / "dog" / "odd.png").write_bytes(whole[: len(whole) // 2])
    else:
        odd.save(tmp_path / "dog" / "odd.png")
    with pytest.raises(DataError, match=line) as error:
        load_images(f"folder:{tmp_path}")
    assert "\n" not in str(error.value)


def test_other_refusals(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        load_images(f"folder:{tmp_path / 'none'}")
    with pytest.raises(DataError, match="has no sub-folders"):
        load_images(f"folder:{tmp_path}")
    (tmp_path / "file.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"file.zip' is a file; unpack it"):
        load_images(f"folder:{tmp_path / 'file.zip'}")
    save_pictures(tmp_path / "one", random_images(4, 3), np.zeros(4, int))
    with pytest.raises(DataError, match=r"has 1 class \('cat'\), so that every network would be right"):
        load_images(f"folder:{tmp_path / 'one'}")
    shutil.rmtree(tmp_path / "one")
    save_pictures(tmp_path / "train", random_images(4, 3), np.array([0, 0, 1, 1]))
    (tmp_path / "train" / "dog" / "deeper").mkdir()
    with pytest.raises(DataError, match="deeper' is a folder, where a picture of class 'dog' should be"):
        load_images(f"folder:{tmp_path}")
    (tmp_path / "train" / "dog" / "deeper").rmdir()
    save_pictures(tmp_path / "test", random_images(1, 3), np.array([2]))
    with pytest.raises(DataError, match="class 'train' is in test but not in train"):
        load_images(f"folder:{tmp_path}")
    (tmp_path / "test").rename(tmp_path / "val")
    with pytest.raises(DataError, match="class 'train' is in val but not in train"):
        load_images(f"folder:{tmp_path}")
