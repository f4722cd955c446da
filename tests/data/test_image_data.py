import dataclasses

import pytest
import torch

from ddkit.data import ImageData
from ddkit.errors import DataError, UsageError

IMAGE = torch.zeros(1, 3, 4, 5, dtype=torch.uint8)


@pytest.fixture
def data() -> ImageData:
    generator = torch.Generator().manual_seed(0)
    return ImageData(
        train_images=torch.randint(256, (6, 3, 4, 5), generator=generator, dtype=torch.uint8),
        train_labels=torch.tensor([0, 1, 2, 0, 1, 2]),
        test_images=torch.randint(256, (3, 3, 4, 5), generator=generator, dtype=torch.uint8),
        test_labels=torch.tensor([2, 1, 2]),
        name="toy",
        classes=("a", "b", "c"),
        flips_keep_label=None,
        licence="none",
    )


def test_facts(data: ImageData) -> None:
    assert data.shape == (3, 4, 5)
    assert data.class_count == 3


def test_digest_sees_content_only(data: ImageData) -> None:
    renamed = dataclasses.replace(data, name="other", licence="MIT", flips_keep_label=True)
    strided = dataclasses.replace(data, train_images=data.train_images.repeat(1, 1, 1, 2)[..., :5])
    assert not strided.train_images.is_contiguous()
    assert renamed.digest == strided.digest == data.digest

    pixel = data.train_images.clone()
    pixel[5, 2, 3, 4] ^= 1
    others = [
        {"train_images": pixel},
        {"train_images": data.train_images.reshape(6, 3, 5, 4), "test_images": data.test_images.reshape(3, 3, 5, 4)},
        {"train_labels": torch.tensor([0, 1, 2, 0, 2, 1])},
        {"test_labels": torch.tensor([2, 1, 1])},
        {"classes": ("a", "b", "d")},
    ]
    digests = {dataclasses.replace(data, **change).digest for change in others}
    assert len(digests | {data.digest}) == len(others) + 1


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"train_images": torch.zeros(6, 3, 4, 5)}, "'toy', train part: images must be uint8"),
        ({"test_images": torch.zeros(3, 4, 5, dtype=torch.uint8)}, "'toy', test part: images must be uint8"),
        ({"test_images": torch.zeros(0, 3, 4, 5, dtype=torch.uint8)}, "not empty"),
        ({"test_images": torch.zeros(3, 1, 4, 5, dtype=torch.uint8)}, r"\(3, 4, 5\) but test images \(1, 4, 5\)"),
        ({"train_labels": torch.zeros(6)}, "labels must be int64"),
        ({"train_labels": torch.tensor([0, 1, 2])}, "6 images but 3 labels"),
        ({"test_labels": torch.tensor([0, 3, 1])}, r"0 to 2 \(3 classes\), got 3"),
        ({"train_labels": torch.tensor([0, 1, 2, -1, 0, 0])}, "got -1"),
        (
            {"test_labels": torch.tensor([2, 2, 2])},
            r"'toy', test part: has one class only, 'c' \(3 images\), so that its score",
        ),
        (
            {"validation_images": IMAGE, "validation_labels": torch.tensor([1])},
            r"validation part: has one class only, 'b' \(1 image\)",
        ),
        (
            {"classes": ("a", "b\x1b[31m", "c")},
            r"a class has the name 'b\\x1b\[31m', which cannot be printed; rename it",
        ),
        ({"classes": ("a", " ", "c")}, "a class has the name ' '"),
        ({"name": "toy\n"}, r"dataset 'toy\\n': its name cannot be printed"),
        ({"test_images": torch.empty(3, 3, 4, 5, dtype=torch.uint8, device="meta")}, "dense and on the CPU"),
        ({"train_labels": torch.tensor([0, 0, 2, 0, 0, 0])}, r"class 1 \('b'\) has no training image"),
    ],
)
def test_contradictions_are_refused(data: ImageData, change: dict, line: str) -> None:
    with pytest.raises(DataError, match=line) as error:
        dataclasses.replace(data, **change)
    assert "toy" in str(error.value)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"train_labels": [0, 1, 2, 0, 1, 2]}, "ImageData: train_labels must be Tensor, got list"),
        ({"test_images": IMAGE.numpy()}, "ImageData: test_images must be Tensor, got ndarray"),
        ({"classes": (0, 1, 2)}, "ImageData: classes must be a tuple of str, got tuple"),
        ({"classes": "abc"}, "ImageData: classes must be a tuple of str, a sequence of texts, got str 'abc'"),
        ({"name": 7}, "ImageData: name must be str, got int 7"),
        ({"flips_keep_label": "no"}, "ImageData: flips_keep_label must be bool or None, got str 'no'"),
        ({"val_images": IMAGE}, "ImageData: has no argument 'val_images'; did you mean"),
    ],
)
def test_fields_of_wrong_types_or_names_are_one_line(data: ImageData, change: dict, line: str) -> None:
    with pytest.raises(UsageError) as error:
        dataclasses.replace(data, **change)
    assert str(error.value).startswith(line)
    with pytest.raises(UsageError, match="ImageData: missing a required"):
        ImageData(train_images=IMAGE)
    assert dataclasses.replace(data, classes=["x", "y", "z"]).classes == ("x", "y", "z")


def test_remarks_name_missing_classes_and_images_that_are_in_two_parts(data: ImageData) -> None:
    assert data.remarks == ("test has 2 of the 3 classes",)
    shared = torch.stack([data.train_images[5], data.train_images[0], 255 - data.train_images[0]])
    changed = dataclasses.replace(
        data,
        test_labels=torch.tensor([0, 1, 2]),
        validation_images=shared,
        validation_labels=torch.tensor([0, 1, 1]),
        notes=("a note",),
    )
    assert changed.remarks == (
        "a note",
        "validation has 2 of the 3 classes",
        "2 of the 3 validation images are also in train",
    )
