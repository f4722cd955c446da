import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ddkit.data import DataSettings, Normalise, load_images, prepare
from ddkit.data.reading import Reading
from ddkit.errors import DataError, DDKitError

RANDOM = np.random.default_rng(0)
ARRAYS: dict[str, Any] = {
    "train_images": RANDOM.integers(256, size=(12, 4, 5, 3), dtype=np.uint8),
    "train_labels": np.arange(12) % 3,
    "test_images": RANDOM.integers(256, size=(5, 4, 5, 3), dtype=np.uint8),
    "test_labels": np.array([2, 0, 1, 1, 0], dtype=np.uint8),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "birds.npz"
    np.savez(path, **ARRAYS)
    return path


def test_arrays_come_out_as_they_went_in(file: Path) -> None:
    data = load_images(f"npz:{file}")
    assert (data.name, data.classes, data.flips_keep_label, data.shape) == ("birds", ("0", "1", "2"), None, (3, 4, 5))
    np.testing.assert_array_equal(data.train_images.permute(0, 2, 3, 1), ARRAYS["train_images"])
    np.testing.assert_array_equal(data.test_images.permute(0, 2, 3, 1), ARRAYS["test_images"])
    assert data.train_labels.tolist() == ARRAYS["train_labels"].tolist() and data.test_labels.tolist() == [
        2,
        0,
        1,
        1,
        0,
    ]
    assert data.train_images.is_contiguous() and data.test_labels.dtype == torch.int64


def test_grey_images_facts_and_compression_leave_the_digest_alone(file: Path) -> None:
    grey = {key: array[..., 0] if key.endswith("images") else array for key, array in ARRAYS.items()}
    with_axis = {key: array[..., None] if key.endswith("images") else array for key, array in grey.items()}
    np.savez(file, **grey)
    data = load_images(f"npz:{file}")
    assert data.shape == (1, 4, 5)
    np.savez_compressed(file, **with_axis, classes=["0", "1", "2"], flips_keep_label=True)
    again = load_images(f"npz:{file}")
    assert again.digest == data.digest and again.flips_keep_label is True
    np.savez(file, **grey, classes=["a", "b", "c"], flips_keep_label=np.array([False]))
    named = load_images(f"npz:{file}")
    assert named.classes == ("a", "b", "c") and named.flips_keep_label is False and named.digest != data.digest


def test_a_fifth_is_cut_off_where_no_test_part_is_given(file: Path) -> None:
    images = RANDOM.integers(256, size=(50, 4, 5), dtype=np.uint8)
    np.savez(file, train_images=images, train_labels=np.repeat([0, 1], [30, 20]))
    data, again = load_images(f"npz:{file}"), load_images(f"npz:{file}")
    assert torch.bincount(data.test_labels).tolist() == [6, 4] and torch.bincount(data.train_labels).tolist() == [
        24,
        16,
    ]
    together = torch.cat([data.train_images, data.test_images]).reshape(50, -1).tolist()
    assert sorted(together) == sorted(images.reshape(50, -1).tolist())
    assert again.digest == data.digest


@pytest.mark.parametrize("name", ["val", "validation"])
def test_a_validation_part_is_used_and_never_cut_from_train(file: Path, name: str) -> None:
    without = load_images(f"npz:{file}")
    held_out = RANDOM.integers(256, size=(4, 4, 5, 3), dtype=np.uint8)
    np.savez(file, **ARRAYS, **{f"{name}_images": held_out, f"{name}_labels": np.array([2, 2, 1, 0])})
    data = load_images(f"npz:{file}")
    assert data.origins == {"validation": "yours", "test": "yours"} and data.digest != without.digest
    real = prepare(data, DataSettings(validation=0.25))
    pixels = real.preprocess.inverse(real.validation.images).permute(0, 2, 3, 1) * 255
    np.testing.assert_allclose(pixels, held_out, atol=1e-3)
    assert real.validation.labels.tolist() == [2, 2, 1, 0] and len(real.train) == 12
    assert torch.equal(real.train_index, torch.arange(12)) and len(real.validation_index) == 0
    assert real.preprocess == Normalise.fit(data.train_images)
    np.savez(
        file, **{key: ARRAYS[key] for key in ARRAYS if "train" in key}, val_images=held_out, val_labels=[2, 2, 1, 0]
    )
    data = load_images(f"npz:{file}")
    assert data.origins == {"validation": "yours", "test": "cut from train"} and len(data.train_labels) == 9


@pytest.mark.parametrize("channels", [1, 3])
def test_medmnists_files_are_read_as_they_are_distributed(tmp_path: Path, channels: int) -> None:
    """MedMNIST's archives (medmnist.com): compressed, uint8 images N x 28 x 28 (x 3), uint8 labels N x 1."""
    sizes, arrays = {"train": 30, "val": 6, "test": 9}, {}
    for part, size in sizes.items():
        shape = (size, 28, 28) if channels == 1 else (size, 28, 28, 3)
        arrays[f"{part}_images"] = RANDOM.integers(256, size=shape, dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(size, dtype=np.uint8) % 3)[:, None]
    np.savez_compressed(tmp_path / "bloodmnist.npz", **arrays)
    data = load_images(f"npz:{tmp_path / 'bloodmnist.npz'}")
    assert (data.name, data.classes, data.shape) == ("bloodmnist", ("0", "1", "2"), (channels, 28, 28))
    assert data.validation_images is not None and data.validation_labels is not None
    assert data.validation_labels.tolist() == [0, 1, 2, 0, 1, 2] and len(data.train_labels) == 30
    np.testing.assert_array_equal(
        data.validation_images.permute(0, 2, 3, 1).reshape(arrays["val_images"].shape), arrays["val_images"]
    )


def test_an_array_that_the_archive_holds_twice(file: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(file, "a") as archive:
        warnings.simplefilter("ignore", UserWarning)
        archive.writestr("train_labels.npy", archive.read("train_labels.npy"))
    with pytest.raises(DataError, match=r"gives 'train_labels' twice"):
        load_images(f"npz:{file}")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"train_labels": None}, "has no array 'train_labels'"),
        ({"test_labels": None}, "has no array 'test_labels'"),
        (
            {"train_images": np.zeros((12, 4, 5))},
            r"'train_images' must be uint8, .*; for numbers in 0 to 1 set data.pixels=unit, in 0 to 255 data.pixels=by",
        ),
        ({"train_images": np.zeros((12, 3, 4, 5), np.uint8)}, r"N x H x W x channels, got uint8 \[12, 3, 4, 5\]"),
        ({"train_images": np.zeros((12, 3, 4, 5), np.uint8)}, r"transpose.0, 2, 3, 1. puts the channels last"),
        (
            {"train_labels": np.arange(12) % 3 + 1, "classes": np.array(["a", "b", "c", "d"])},
            "its labels count from 1; they must count from 0, so subtract 1",
        ),
        (
            {"train_labels": np.arange(12) % 3 + 1},
            "test part: has the label 0, which train lacks; train has 3 labels, 1,",
        ),
        (
            {"train_labels": np.zeros(12)},
            r"N integers, got float64 \[12\]; train_labels.astype\(int\) converts",
        ),
        ({"train_labels": np.array(list("owlowlowlowl"))}, r"got <U1 \[12\]; .*numpy.unique\(train_labels, return_inv"),
        ({"train_images": np.zeros((12, 4, 5), bool)}, r"got bool .*; write train_images.astype\('uint8'\) \* 255"),
        ({"train_labels": np.eye(12)}, r"has 12 labels an image; .* \(of one-hot labels train_labels.argmax\(1\) are"),
        ({"train_labels": np.zeros((12, 14), int)}, "'train_labels' has 14 labels an image; ddkit needs one class"),
        ({"train_labels": np.zeros((12, 1, 1), int)}, r"must be N integers, got int64 \[12, 1, 1\]"),
        ({"train_labels": np.full(12, 2**63, np.uint64)}, "must count the classes from 0, got 9223372036854775808"),
        ({"train_labels": np.zeros(12, int), "test_labels": np.zeros(5, int)}, r"has 1 class \('0'\)"),
        ({"classes": np.array(["a", "b", "a"])}, "2 classes have the name 'a'"),
        ({"classes": np.array(["a", "b", "c\n"])}, r"a class has the name 'c\\n', which cannot be printed"),
        (
            {"test_image": np.zeros(3)},
            "has an array 'test_image', which ddkit does not read; did you mean test_images",
        ),
        ({"x_test": np.zeros(3)}, "'x_test', which ddkit does not read; did you mean test_images"),
        ({"Y_Valid": np.zeros(3)}, "'Y_Valid', which ddkit does not read; did you mean validation_labels"),
        ({"train_label": np.zeros(3)}, "'train_label', which ddkit does not read; did you mean train_labels"),
        ({"weights": np.array([object()])}, "'weights', which ddkit does not read; there are: classes, flips"),
        ({"val_labels": np.zeros(5, int)}, "has no array 'validation_images'; a part needs validation_images and"),
        (
            {"val_images": np.zeros((1, 4, 5), np.uint8), "val_labels": np.zeros(1, int)},
            r"training images are \(3, 4, 5\) but validation images \(1, 4, 5\)",
        ),
        (
            {"val_labels": np.zeros(5, int), "validation_labels": np.zeros(5, int)},
            r"gives 'validation_labels' twice \(val_labels and validation_labels\)",
        ),
        (
            {"val_images": np.zeros((1, 4, 5, 3), np.uint8), "val_labels": np.array([7])},
            "validation part: labels must be in 0 to 2",
        ),
        ({"train_labels": np.arange(11) % 3}, "12 images but 11 labels"),
        (
            {"train_labels": np.array([10**12] * 12), "test_labels": np.array([10**12] * 5)},
            r"has 1 class \('1000000000",
        ),
        ({"train_labels": np.array([-1] * 12)}, "has the label 2, which train lacks; train has 1 label, -1"),
        (
            {"train_labels": np.arange(12) % 3 * 2, "classes": np.array(["a", "b", "c", "d", "e"])},
            "class 1 .* has no training image",
        ),
        ({"test_labels": np.array([0, 1, 2, 3, 0])}, "labels must be in 0 to 2"),
        ({"train_images": np.zeros((0, 4, 5, 3), np.uint8), "train_labels": np.zeros(0, int)}, "not empty"),
        ({"classes": np.arange(3)}, "'classes' must be strings"),
        ({"classes": np.array(["a", "b"])}, r"0 to 1 \(2 classes\), got 2"),
        ({"flips_keep_label": np.array("no")}, "'flips_keep_label' must be one boolean"),
        ({"train_labels": np.array([object()] * 12)}, "pickled objects are never read"),
    ],
)
def test_wrong_contents_are_one_clear_line(file: Path, change: dict, line: str) -> None:
    np.savez(file, **{key: array for key, array in (ARRAYS | change).items() if array is not None})
    with pytest.raises(DataError, match=line) as error:
        load_images(f"npz:{file}")
    assert "\n" not in str(error.value) and "birds" in str(error.value)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_numbers_of_a_declared_range_are_scaled_to_bytes(file: Path, dtype: type) -> None:
    plain = load_images(f"npz:{file}")
    images = {key: array for key, array in ARRAYS.items() if key.endswith("images")}
    np.savez(file, **ARRAYS | {key: array.astype(dtype) for key, array in images.items()})
    data = load_images(f"npz:{file}", Reading(pixels="bytes"))
    assert data.digest == plain.digest
    assert data.notes == (f"images are {np.dtype(dtype)}, and each number is rounded to a byte",)
    if dtype != np.int32:
        np.savez(file, **ARRAYS | {key: (array / 255).astype(dtype) for key, array in images.items()})
        assert load_images(f"npz:{file}", Reading(pixels="unit")).digest == plain.digest
    for wrong, text in ((-1, "-1"), (256, "256")):
        images["test_images"] = images["test_images"].astype(dtype)
        images["test_images"][2, 1, 1, 1] = wrong
        np.savez(file, **ARRAYS | {key: array.astype(dtype) for key, array in images.items()})
        with pytest.raises(DataError, match=f"'test_images' has the number {text}, but data.pixels says .* 0 to 255"):
            load_images(f"npz:{file}", Reading(pixels="bytes"))
    np.savez(file, **ARRAYS | {"train_images": np.full((12, 4, 5, 3), np.nan)})
    with pytest.raises(DataError, match="'train_images' has the number nan"):
        load_images(f"npz:{file}", Reading(pixels="unit"))


def test_numbers_in_0_to_1_that_are_declared_as_bytes_are_refused(file: Path) -> None:
    np.savez(file, **ARRAYS | {"test_images": (ARRAYS["test_images"] / 255).astype(np.float32)})
    with pytest.raises(DataError, match=r"'test_images' has no number above .*, so data.pixels=bytes .* images black"):
        load_images(f"npz:{file}", Reading(pixels="bytes"))


@pytest.mark.parametrize("labels", [(1, 2, 3), (0, 2, 4), (-5, 10, 9)])
def test_labels_that_do_not_count_from_0_are_numbered_and_kept_as_names(file: Path, labels: tuple[int, ...]) -> None:
    plain, values = load_images(f"npz:{file}"), np.array(sorted(labels))
    np.savez(file, **ARRAYS | {key: values[ARRAYS[key]] for key in ("train_labels", "test_labels")})
    data = load_images(f"npz:{file}")
    assert data.classes == tuple(map(str, values.tolist()))
    assert torch.equal(data.train_labels, plain.train_labels) and torch.equal(data.test_labels, plain.test_labels)
    listed = ", ".join(data.classes)
    assert data.notes == (f"the labels {listed} are numbered from 0 to 2, and kept as names of the classes",)


@pytest.mark.parametrize("shape", [(6, 7, 2), (6, 6, 13), (4, 4, 20), (1, 5, 4)])
def test_images_may_have_any_number_of_channels(file: Path, shape: tuple[int, int, int]) -> None:
    images = RANDOM.integers(256, size=(12, *shape), dtype=np.uint8)
    np.savez(file, train_images=images, train_labels=ARRAYS["train_labels"])
    first = shape[0] == 1
    if first:  # one channel in front of 5 x 4 pixels
        with pytest.raises(
            DataError, match=r"got uint8 \[12, 1, 5, 4\]; .transpose\(0, 2, 3, 1\) puts the channels last"
        ):
            load_images(f"npz:{file}")
        return
    data = load_images(f"npz:{file}")
    assert data.shape == (shape[2], *shape[:2]) and data.notes == (f"images have {shape[2]} channels",)
    found = torch.cat([data.train_images, data.test_images]).permute(0, 2, 3, 1).numpy()
    assert sorted(image.tobytes() for image in found) == sorted(image.tobytes() for image in images)
    np.savez(file, train_images=images.transpose(0, 3, 1, 2), train_labels=ARRAYS["train_labels"])
    if shape[2] < shape[0] == shape[1]:
        with pytest.raises(DataError, match="puts the channels last"):
            load_images(f"npz:{file}")


def test_files_that_are_no_archives(file: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (file.with_suffix(".sprung").touch, ())

    with pytest.raises(DataError, match="there is no file"):
        load_images(f"npz:{file.parent / 'none.npz'}")
    with pytest.raises(DataError, match="is a folder; for a folder of pictures write folder:"):
        load_images(f"npz:{file.parent}")
    for content in (pickle.dumps(Trap()), b"", b"not an archive", b"PK\x03\x04"):
        file.write_bytes(content)
        with pytest.raises(DataError, match=r"is not a readable \.npz") as error:
            load_images(f"npz:{file}")
        assert "\n" not in str(error.value)
    np.save(file.with_suffix(".npy"), ARRAYS["train_images"])
    with pytest.raises(DataError, match="a single array"):
        load_images(f"npz:{file.with_suffix('.npy')}")
    np.savez(file, train_images=np.array([Trap()], dtype=object))
    with pytest.raises(DataError):
        load_images(f"npz:{file}")
    assert not file.with_suffix(".sprung").exists()


def test_a_false_comment_that_hides_arrays_is_refused(file: Path) -> None:
    content = bytearray(file.read_bytes())
    entry = content.rindex(b"train_labels.npy") - 46  # of the directory at the end: 46 bytes, then the name
    assert content[entry : entry + 4] == b"PK\x01\x02"
    content[entry + 32 : entry + 34] = (200).to_bytes(2, "little")
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"is not a readable \.npz .*its directory of arrays has a comment"):
        load_images(f"npz:{file}")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_no_damage_escapes_as_anything_but_a_data_error(file: Path, save: Any) -> None:
    save(file, **ARRAYS)
    whole, digest = file.read_bytes(), load_images(f"npz:{file}").digest
    damaged = [whole[:length] for length in range(0, len(whole), 23)]
    for _ in range(300):
        copy = bytearray(whole)
        copy[RANDOM.integers(len(whole))] = RANDOM.integers(256)
        damaged.append(bytes(copy))
    refused = 0
    for content in damaged:
        file.write_bytes(content)
        try:
            assert load_images(f"npz:{file}").digest == digest  # the byte meant nothing
        except DDKitError:
            refused += 1
    assert refused > len(damaged) // 2
