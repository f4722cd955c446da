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
        (Image.new("RGB", (7, 5)), "odd.png' is 7 x 5 RGB but the first picture, .*0000.png', is 7 x 6 RGB"),
        (Image.new("L", (7, 6)), "odd.png' is 7 x 6 L but the first picture"),
        (Image.new("RGBA", (7, 6)), "odd.png' has mode RGBA; convert"),
        (None, "odd.png' is not a readable picture"),
    ],
)
def test_the_first_odd_picture_is_named(tmp_path: Path, odd: Image.Image | None, line: str) -> None:
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
    save_pictures(tmp_path / "train", random_images(4, 3), np.array([0, 0, 1, 1]))
    (tmp_path / "train" / "dog" / "deeper").mkdir()
    with pytest.raises(DataError, match="deeper' is not a readable picture"):
        load_images(f"folder:{tmp_path}")
    (tmp_path / "train" / "dog" / "deeper").rmdir()
    save_pictures(tmp_path / "test", random_images(1, 3), np.array([2]))
    with pytest.raises(DataError, match="class 'train' is in test but not in train"):
        load_images(f"folder:{tmp_path}")
    (tmp_path / "test").rename(tmp_path / "val")
    with pytest.raises(DataError, match="class 'train' is in val but not in train"):
        load_images(f"folder:{tmp_path}")
