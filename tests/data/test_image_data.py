import dataclasses

import pytest
import torch

from ddkit.data import ImageData
from ddkit.errors import DataError


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
        ({"train_labels": torch.tensor([0, 0, 2, 0, 0, 0])}, r"class 1 \('b'\) has no training image"),
    ],
)
def test_contradictions_are_refused(data: ImageData, change: dict, line: str) -> None:
    with pytest.raises(DataError, match=line) as error:
        dataclasses.replace(data, **change)
    assert "toy" in str(error.value)
