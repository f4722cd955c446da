"""The doors of image data: archives of arrays and folders of pictures."""

import io
import os
import shutil
import zipfile
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddkit.data import DataSettings, ImageData, load_images, prepare
from doors.knock import draws, knock

Arrays = dict[str, np.ndarray]
Row = tuple[str, bytes, tuple[int, ...]]
"""A class's name, the image's pixels, and its channels, height and width."""
Parts = dict[str, list[Row]]


# The right result: parts of rows. Any other result is wrong.


def rows_of(data: ImageData, part: str) -> list[Row]:
    images, labels = getattr(data, f"{part}_images"), getattr(data, f"{part}_labels")
    if images is None:
        return []
    return [
        (data.classes[label], image.numpy().tobytes(), tuple(image.shape))
        for image, label in zip(images, labels.tolist(), strict=True)
    ]


def whole(parts: Parts, classes: list[str]) -> bool:
    """Whether the parts can be data at all: two classes with a training image each, two classes in
    every part, images of one shape, none empty."""
    rows = [row for part in parts.values() for row in part]
    if len(set(classes)) < max(len(classes), 2) or len({shape for _, _, shape in rows}) != 1 or not rows[0][1]:
        return False
    counts = Counter(name for name, _, _ in parts["train"])
    few = min(counts[name] for name in classes)
    if any(len({name for name, _, _ in part}) < 2 for part in parts.values()):
        return False
    return bool(min(map(len, parts.values()))) and few >= (1 if "test" in parts else 2)


def hold(data: ImageData, parts: Parts) -> None:
    """Hold data that was read, and what `prepare` makes of it, against the parts."""
    assert rows_of(data, "validation") == parts.get("validation", [])
    assert data.origins == {p: "yours" if p in parts else "cut from train" for p in ("validation", "test")} or (
        "validation" not in parts and data.origins == {"test": "yours" if "test" in parts else "cut from train"}
    )
    train, test = rows_of(data, "train"), rows_of(data, "test")
    if "test" in parts:
        assert (train, test) == (parts["train"], parts["test"])
    else:
        assert sorted(train + test) == sorted(parts["train"])
        counts = Counter(name for name, _, _ in parts["train"])
        cut = {name: min(max(round(0.2 * n), 1), n - 1) for name, n in counts.items()}
        assert Counter(name for name, _, _ in test) == cut
    lone = min(Counter(name for name, _, _ in train).values()) < 2
    real = knock(lambda: prepare(data, DataSettings(validation=0.25)))
    if "validation" in parts:
        assert real is not None and (len(real.train), len(real.validation)) == (len(train), len(parts["validation"]))
        assert torch.equal(real.validation.images, real.preprocess.forward(data.validation_images))
        assert torch.equal(real.train.labels, data.train_labels)
    else:
        assert (real is None) == lone
        if real is not None:
            assert sorted([*real.train_index.tolist(), *real.validation_index.tolist()]) == list(range(len(train)))


# Archives


def slow_archive(arrays: Arrays) -> Parts | None:
    """The parts that the arrays give; None where they cannot be used as a whole."""
    parts: Parts = {}
    left = dict(arrays)
    names = left.pop("classes", None)
    flips = left.pop("flips_keep_label", None)
    if flips is not None and not (flips.dtype == bool and flips.size == 1):
        return None
    if names is not None and (names.dtype.kind != "U" or names.ndim != 1):
        return None
    classes = None if names is None else [str(name) for name in names]
    if classes is not None and any(not name or not name.isprintable() for name in classes):
        return None
    if classes is None:
        labels = left.get("train_labels")
        if labels is None or labels.dtype.kind not in "iu" or labels.size == 0 or labels.max() >= 2**63:
            return None
        numbers = sorted(set(labels.reshape(-1).tolist()))
        classes = [str(number) for number in numbers]
    else:
        numbers = list(range(len(classes)))
    for part, spelling in (("train", "train"), ("validation", "validation"), ("validation", "val"), ("test", "test")):
        images, labels = left.pop(f"{spelling}_images", None), left.pop(f"{spelling}_labels", None)
        if images is None and labels is None:
            continue
        if images is None or labels is None or part in parts:
            return None
        if images.dtype != np.uint8 or images.ndim not in (3, 4) or labels.dtype.kind not in "iu":
            return None
        if images.ndim == 4 and images.shape[3] not in (1, 3):
            _, first, second, third = images.shape
            if third == 0 or first in (1, 3) or (first < second and second == third):
                return None
        if labels.ndim not in (1, 2) or (labels.ndim == 2 and labels.shape[1] != 1) or len(images) != len(labels):
            return None
        parts[part] = []
        for i in range(len(labels)):
            label, image = int(labels.reshape(-1)[i]), images[i]
            if label not in numbers:
                return None
            planes = [image] if image.ndim == 2 else [image[:, :, c] for c in range(image.shape[2])]
            pixels = b"".join(bytes(plane.tolist()[y]) for plane in planes for y in range(len(plane)))
            parts[part].append((classes[numbers.index(label)], pixels, (len(planes), *planes[0].shape)))
    return parts if not left and "train" in parts and whole(parts, classes) else None


FOREIGN = ("test_image", "x_test", "y_val", "Train_Images", "labels", "train", "image\n", "valid_images", "test_index")
ODD = (np.float32, np.int64, np.bool_, "U3", "S3", np.complex64, object, ">i4", np.uint64, np.int8)


@st.composite
def archives(draw: st.DrawFn) -> tuple[Arrays, str | None]:
    """Arrays that are whole or nearly so, and what is done to the file's bytes."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    classes, side = draw(st.sampled_from([2, 2, 3, 3, 1])), random.integers(1, 5, 2)
    last = draw(st.sampled_from([(), (1,), (3,), (), (1,), (3,), (2,), (5,)]))
    numbers = np.array(draw(st.sampled_from([[0, 1, 2]] * 5 + [[1, 2, 3], [9, 10, 4]])))
    spellings = draw(st.sampled_from([(), ("test",), ("val", "test"), ("validation", "test"), ("val",)]))
    arrays: Arrays = {}
    for part in ("train", *spellings):
        labels = random.permutation(
            np.repeat(np.arange(classes), random.integers(1 if part == "train" else 0, 5, classes))
        )
        labels = numbers[labels].astype(draw(st.sampled_from([np.int64, np.uint8, ">i2", np.uint64])))
        images = random.integers(256, size=(len(labels), *side, *last), dtype=np.uint8)
        arrays[f"{part}_images"] = np.asfortranarray(images) if random.random() < 0.2 else images
        arrays[f"{part}_labels"] = labels[:, None] if random.random() < 0.3 else labels
    if draw(st.booleans()):
        arrays["classes"] = np.array(["cat", "dog", "eel"][:classes])
    if draw(st.booleans()):
        arrays["flips_keep_label"] = np.array(bool(random.integers(2)))
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 1, 1, 2]))):
        spoil(draw, arrays, random)
    damage = draw(st.sampled_from(["cut", "flip", "append", "twice", "boast", "text"]))
    return arrays, damage if random.random() < 0.3 else None


def spoil(draw: st.DrawFn, arrays: Arrays, random: np.random.Generator) -> None:
    """Do one wrong thing to the arrays."""
    if not arrays:
        return
    name = draw(st.sampled_from(sorted(arrays)))
    array = arrays[name]
    kind = draw(
        st.sampled_from(["drop", "rename", "extra", "type", "shape", "shorter", "value", "names", "twin", "twin"])
    )
    if kind == "drop":
        del arrays[name]
    elif kind == "rename":
        arrays[draw(st.sampled_from(FOREIGN))] = arrays.pop(name)
    elif kind == "extra":
        arrays[draw(st.sampled_from(FOREIGN))] = np.arange(3)
    elif kind == "type" and array.dtype.kind not in "UO":
        arrays[name] = array.astype(draw(st.sampled_from(ODD)))
    elif kind == "shape" and array.ndim == 0:
        arrays[name] = array.reshape(1, 1)
    elif kind == "shape":
        shapes = [
            array[..., None],
            array[None],
            array.T,
            array.reshape(-1),
            array[:0],
            array.reshape(-1)[:1].squeeze(),
        ]
        arrays[name] = shapes[draw(st.integers(0, 5))]
    elif kind == "shorter" and array.ndim:
        arrays[name] = array[:-1]
    elif kind == "value" and array.size and array.dtype.kind in "iu":
        changed = array.astype(np.float64).reshape(-1)
        changed[int(random.integers(array.size))] = draw(st.sampled_from([-1, 1, 3, 10**12, 2**63]))
        arrays[name] = (
            np.clip(changed, 0, 2**63).astype(np.uint64 if changed.min() >= 0 else np.int64).reshape(array.shape)
        )
    elif kind == "names":
        odd = [
            ["cat"],
            ["cat", "cat"],
            ["a", "b", "c", "d"],
            ["a", ""],
            ["a", "b\n"],
            ["a", "\ud800"],
            [["a", "b"]],
            [0, 1],
            [],
        ]
        arrays["classes"] = np.array(draw(st.sampled_from(odd)))
    elif kind == "twin" and (twin := name.replace("val_", "validation_")) != name:
        arrays[twin] = array


def write_archive(path: Path, arrays: Arrays, damage: str | None, random: np.random.Generator) -> None:
    with io.BytesIO() as file:
        (np.savez_compressed if random.random() < 0.3 else np.savez)(file, **arrays)
        raw = bytearray(file.getvalue())
    place = int(random.integers(len(raw)))
    if damage == "cut":
        del raw[place:]
    elif damage == "flip":
        raw[place] ^= 1 << int(random.integers(8))
    elif damage == "append":
        raw += bytes(random.integers(256, size=int(random.integers(1, 40)), dtype=np.uint8))
    elif damage == "text":
        raw = bytearray([b"", b"hello", b"PK\x03\x04", b"\x93NUMPY\x01\x00"][int(random.integers(4))])
    path.write_bytes(raw)
    with zipfile.ZipFile(path, "a") if damage in ("twice", "boast") else nullcontext() as archive, io.BytesIO() as file:
        if damage == "twice":  # the labels once more, in another order
            np.save(file, np.sort(arrays.get("train_labels", np.arange(3)), axis=0)[::-1], allow_pickle=True)
            archive.writestr("train_labels.npy", file.getvalue())
        elif damage == "boast":  # ten terabytes that are not there
            header = {"descr": "|u1", "fortran_order": False, "shape": (10**4, 10**4, 10**5)}
            np.lib.format.write_array_header_1_0(file, header)
            archive.writestr("test_images.npy", file.getvalue())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives(tmp_path: Path) -> None:
    path, seen = tmp_path / "a.npz", Counter[str]()

    @draws(540)
    @given(archives(), st.integers(0, 2**32))
    def check(archive: tuple[Arrays, str | None], seed: int) -> None:
        arrays, damage = archive
        write_archive(path, arrays, damage, np.random.default_rng(seed))
        parts, data = slow_archive(arrays), knock(lambda: load_images(f"npz:{path}"))
        seen["damaged" if damage else "refused" if data is None else "read"] += 1
        if damage is None:
            assert (data is None) == (parts is None)
        if data is not None:
            assert parts is not None
            hold(data, parts)

    check()
    assert min(seen.values()) > 60 and len(seen) == 3, seen


# Folders

PARTS = {"train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation"}
PARTS |= {"test": "test", "testing": "test"}
CLASSES = ["cat", "dog", "eel", "val", "test"]


def listed(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(os.listdir(folder)) if not name.startswith(".")]  # noqa: PTH208


def slow_folder(root: Path) -> tuple[Parts, list[str]] | None:
    """The parts that a folder of pictures gives, read one by one; None where something in it has no place."""
    tops = slow_classes(root) if root.is_dir() else []
    if len(tops) == 1 and tops[0].name.lower() not in PARTS and any(entry.is_dir() for entry in listed(tops[0])):
        root, tops = tops[0], slow_classes(tops[0])
    names = [PARTS.get(folder.name.lower()) for folder in tops]
    roots = {"train": root}
    if "train" in names and None not in names:
        roots = {part: folder for part, folder in zip(names, tops, strict=True) if part}
        if len(roots) < len(tops):
            return None
        if "test" not in roots and "validation" in roots:
            roots["test"] = roots.pop("validation")
    parts: Parts = {}
    classes = [folder.name for folder in slow_classes(roots["train"])] if tops else []
    for part, place in roots.items():
        folders, parts[part] = slow_classes(place) if tops else [], []
        if not folders or any(not listed(folder) or folder.name not in classes for folder in folders):
            return None
        for file in [file for folder in folders for file in listed(folder)]:
            picture = slow_picture(file)
            if picture is None or not file.parent.name.isprintable():
                return None
            parts[part].append((file.parent.name, *picture))
    return (parts, classes) if whole(parts, classes) else None


def slow_classes(folder: Path) -> list[Path]:
    """The folders in a folder; none where a picture lies beside them."""
    folders = [entry for entry in listed(folder) if entry.is_dir()]
    loose = [entry for entry in listed(folder) if not entry.is_dir() and entry.suffix in (".png", ".jpg", ".bmp")]
    return [] if loose else folders


def slow_picture(file: Path) -> tuple[bytes, tuple[int, ...]] | None:
    """Pixels as they stand, channel after channel, and their shape."""
    if not file.is_file():
        return None
    try:
        with Image.open(file) as picture:
            if picture.mode not in ("L", "RGB") or getattr(picture, "n_frames", 1) > 1:
                return None
            turn = picture.getexif().get(0x0112, 1)
            pixels, (wide, high) = picture.load(), picture.size
            bands = len(picture.getbands())
            at = {
                1: lambda y, x: (x, y),
                2: lambda y, x: (wide - 1 - x, y),
                3: lambda y, x: (wide - 1 - x, high - 1 - y),
                4: lambda y, x: (x, high - 1 - y),
                5: lambda y, x: (y, x),
                6: lambda y, x: (y, high - 1 - x),
                7: lambda y, x: (wide - 1 - y, high - 1 - x),
                8: lambda y, x: (wide - 1 - y, x),
            }.get(turn, lambda y, x: (x, y))
            rows, columns = (wide, high) if turn in (5, 6, 7, 8) else (high, wide)
            values = [[pixels[at(y, x)] for x in range(columns)] for y in range(rows)]
            flat = [v if bands == 1 else v[c] for c in range(bands) for row in values for v in row]
            return bytes(flat), (bands, rows, columns)
    except Exception:
        return None


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """How a folder of pictures is made: its layout, its pictures, and what is wrong."""
    spelling = st.sampled_from(["", "train", "train", "Train", "training"])
    more = st.sampled_from([(), ("test",), ("val", "test"), ("valid", "Testing"), ("val",), ("validation", "test")])
    train, fewest = draw(spelling), draw(st.sampled_from([2, 2, 1]))
    wrongs = ["loose", "note", "deeper", "holdout", "wrapped", "size", "mode", "cut", "flip", "text", "class", "empty"]
    wrongs += [
        "wrapped",
        "cut",
        "flip",
        "hidden",
        "pipe",
        "broken",
        "link",
        "frames",
        "twin",
        "newline",
        "file",
        "rgba",
    ]
    return {
        "parts": (train, *(draw(more) if train else ())),
        "classes": draw(
            st.lists(
                st.sampled_from(["cat", "dog", "eel", "val", "test"]),
                min_size=fewest,
                max_size=3,
                unique=True,
            )
        ),
        "mode": draw(st.sampled_from(["L", "RGB"])),
        "side": draw(st.sampled_from([(3, 3), (2, 5), (8, 8)])),
        "suffix": draw(st.sampled_from(["png", "bmp", "jpg"])),
        "turned": draw(st.booleans()),
        "wrong": draw(st.lists(st.sampled_from(wrongs), max_size=2)),
        "seed": draw(st.integers(0, 2**32)),
    }


def plant(root: Path, tree: dict[str, Any]) -> None:
    """Make the folder."""
    random = np.random.default_rng(tree["seed"])

    def save(file: Path, mode: str = tree["mode"], side: tuple[int, int] = tree["side"], turn: int = 1) -> None:
        pixels = random.integers(256, size=(*side, 3)[: 3 if mode == "RGB" else 2], dtype=np.uint8)
        exif = Image.Exif()
        if turn != 1 and file.suffix != ".bmp":
            exif[0x0112] = turn
        Image.fromarray(pixels).save(file, exif=exif)

    for part in tree["parts"]:
        for name in tree["classes"]:
            (root / part / name).mkdir(parents=True)
            for i in range(int(random.integers(1, 4))):
                square = tree["side"][0] == tree["side"][1]
                turn = int(random.choice([1, *range(2, 9 if square else 5)])) if tree["turned"] else 1
                save(root / part / name / f"{i}.{tree['suffix']}", turn=turn)
    for wrong in tree["wrong"]:
        if not root.is_dir():
            return
        one = root / tree["parts"][int(random.integers(len(tree["parts"])))] / tree["classes"][0]
        files = sorted(one.glob("[0-9].*")) or [one / "new.png"]
        file, raw = files[0], files[0].read_bytes() if files[0].is_file() else b""
        if wrong == "loose" and one.parent.is_dir():
            save(one.parent / "loose.png")
        elif wrong == "note" and one.parent.is_dir():
            (one.parent / "README.txt").write_text("not read")
        elif wrong == "deeper":
            (one / "deeper").mkdir(parents=True, exist_ok=True)
        elif wrong == "holdout":
            (root / "holdout" / "cat").mkdir(parents=True, exist_ok=True)
            save(root / "holdout" / "cat" / "0.png")
        elif wrong == "wrapped":
            root.rename(root.with_name("inner"))
            root.mkdir()
            root.with_name("inner").rename(root / "inner")
        elif wrong == "size" and one.is_dir():
            save(one / "size.png", side=(4, 3))
        elif wrong == "mode" and one.is_dir():
            save(one / "mode.png", mode="L" if tree["mode"] == "RGB" else "RGB")
        elif wrong == "rgba" and one.is_dir():
            Image.new("RGBA", tree["side"][::-1]).save(one / "rgba.png")
        elif wrong == "frames" and one.is_dir():
            frames = [Image.new(tree["mode"], tree["side"][::-1], i) for i in (0, 9, 99)]
            frames[0].save(one / "frames.png", save_all=True, append_images=frames[1:])
        elif wrong == "cut" and raw:
            file.write_bytes(raw[: int(random.integers(len(raw)))])
        elif wrong == "flip" and raw:
            changed = bytearray(raw)
            changed[int(random.integers(len(raw)))] ^= 1 << int(random.integers(8))
            file.write_bytes(changed)
        elif wrong == "text" and one.is_dir():
            (one / "Thumbs.db").write_text("no picture")
        elif wrong == "class":
            (one.parent / "yak").mkdir(parents=True, exist_ok=True)
            save(one.parent / "yak" / "0.png")
        elif wrong == "empty":
            (one.parent / "empty").mkdir(parents=True, exist_ok=True)
        elif wrong == "hidden" and one.is_dir():
            (one / ".DS_Store").write_text("hidden")
        elif wrong == "pipe" and one.is_dir() and not (one / "pipe.png").exists():
            os.mkfifo(one / "pipe.png")
        elif wrong == "broken" and one.is_dir() and not (one / "broken.png").is_symlink():
            (one / "broken.png").symlink_to("none.png")
        elif wrong == "link" and raw and not (one / "link.png").is_symlink():
            (one / "link.png").symlink_to(file.name)
        elif wrong == "newline" and one.is_dir() and not (one.parent / "two\nlines").exists():
            one.rename(one.parent / "two\nlines")
        elif wrong == "twin" and (root / "train").is_dir() and not (root / "TRAIN").exists():
            shutil.copytree(root / "train", root / "TRAIN", symlinks=True, ignore=shutil.ignore_patterns("pipe.png"))
        elif wrong == "file":
            shutil.rmtree(root)
            root.write_bytes(b"no folder")


def test_folders(tmp_path: Path) -> None:
    seen = Counter[str]()

    @draws(350)
    @given(trees())
    def check(tree: dict[str, Any]) -> None:
        shutil.rmtree(tmp_path / "case", ignore_errors=True)
        root = tmp_path / "case" / "zoo"
        plant(root, tree)
        found, data = slow_folder(root), knock(lambda: load_images(f"folder:{root}"))
        damaged = {"cut", "flip"} & set(tree["wrong"])
        seen["damaged" if damaged else "refused" if data is None else "read"] += 1
        if not damaged:
            assert (data is None) == (found is None)
        if data is not None:
            assert found is not None and list(data.classes) == found[1]
            hold(data, found[0])

    check()
    assert min(seen.values()) > 25 and len(seen) == 3, seen
