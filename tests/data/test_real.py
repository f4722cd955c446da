import dataclasses

import pytest
import torch

from ddkit.data import ImageData, Normalise, RealData, load_images, prepare, split_validation
from ddkit.errors import DataError
from ddkit.recipe import DataSettings


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load_images("digits")


@pytest.mark.parametrize("kind", ["normalise", "zca"])
def test_parts_are_the_rows_their_indices_name(digits: ImageData, kind: str) -> None:
    settings = DataSettings(preprocess=kind, validation=0.25, split_seed=7)
    real = prepare(digits, settings)
    train, validation = split_validation(digits.train_labels, 0.25, 7)
    assert torch.equal(real.train_index, train) and torch.equal(real.validation_index, validation)
    for part, images, labels in (
        (real.train, digits.train_images[train], digits.train_labels[train]),
        (real.validation, digits.train_images[validation], digits.train_labels[validation]),
        (real.test, digits.test_images, digits.test_labels),
    ):
        assert torch.equal(part.labels, labels) and len(part) == len(labels)
        torch.testing.assert_close(real.preprocess.inverse(part.images), images / 255, atol=1e-5, rtol=0)


def test_preprocessing_is_fitted_on_the_training_part_only(digits: ImageData) -> None:
    real = prepare(digits, DataSettings())
    assert real.preprocess == Normalise.fit(digits.train_images[real.train_index])
    poisoned = digits.train_images.clone()
    poisoned[real.validation_index] = 255
    changed = dataclasses.replace(digits, train_images=poisoned, test_images=255 - digits.test_images)
    assert prepare(changed, DataSettings()).preprocess == real.preprocess


def test_the_test_part_waits_until_it_is_asked_for(digits: ImageData) -> None:
    real = prepare(digits, DataSettings())
    assert "test" not in vars(real)
    assert real.test is real.test
    assert "test" not in vars(real.to("cpu"))


def test_digest_names_data_split_and_preprocessing(digits: ImageData) -> None:
    def digest(data: ImageData, **settings: object) -> str:
        return prepare(data, DataSettings(**settings)).digest

    base = digest(digits)
    assert (
        digest(digits, name="another-name", augment="flip") == base == prepare(digits, DataSettings()).to("cpu").digest
    )
    relabelled = dataclasses.replace(digits, test_labels=digits.test_labels.flip(0))
    others = {
        digest(relabelled),
        digest(digits, split_seed=1),
        digest(digits, validation=0.2),
        digest(digits, preprocess="zca"),
    }
    assert len(others | {base}) == 5


def test_blocks_do_not_show(digits: ImageData, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = prepare(digits, DataSettings(preprocess="zca"))
    monkeypatch.setattr("ddkit.data.real.BLOCK", 100)
    blocks = prepare(digits, DataSettings(preprocess="zca"))
    torch.testing.assert_close(blocks.train.images, whole.train.images, atol=1e-5, rtol=1e-5)
    assert torch.equal(blocks.train.labels, whole.train.labels)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["normalise", "zca"])
def test_to_a_device(gpu: torch.device, digits: ImageData, kind: str) -> None:
    here = prepare(digits, DataSettings(preprocess=kind))
    there: RealData = here.to(gpu)
    assert {t.device.type for t in (there.train.images, there.test.images, there.test.labels)} == {gpu.type}
    torch.testing.assert_close(there.test.images.cpu(), here.test.images, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(there.preprocess.inverse(there.test.images), digits.test_images.to(gpu) / 255)


def test_a_class_with_one_image_cannot_be_split(digits: ImageData) -> None:
    keep = (digits.train_labels != 4) | (
        torch.arange(len(digits.train_labels)) == (digits.train_labels == 4).nonzero()[0]
    )
    poor = dataclasses.replace(digits, train_images=digits.train_images[keep], train_labels=digits.train_labels[keep])
    with pytest.raises(DataError, match=r"dataset 'digits': a validation part .* class 4 has 1"):
        prepare(poor, DataSettings())
