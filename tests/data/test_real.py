import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ddkit.data import (
    DataSettings,
    ImageData,
    Normalise,
    RealData,
    fit_preprocess,
    load_images,
    prepare,
    split_validation,
)
from ddkit.errors import DataError, RecipeError, UsageError
from ddkit.jobs import resolved_toml


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
    monkeypatch.setattr("ddkit.data.preprocess.BLOCK", 100)
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


PEAK = """
import sys
from pathlib import Path
import torch
from ddkit.data import DataSettings, ImageData, prepare

def status(entry):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(entry))

kind, n, side = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
labels = torch.arange(n) % 10
few = torch.randint(0, 256, (40, 3, side, side), dtype=torch.uint8)

def data(images, labels):
    rest = {"name": "x", "classes": tuple("0123456789"), "flips_keep_label": None, "licence": "none"}
    return ImageData(train_images=images, train_labels=labels, test_images=few, test_labels=labels[:40], **rest)

settings = DataSettings(preprocess=kind)
prepare(data(few, labels[:40]), settings)  # what is loaded once a process is no part of it
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
images = torch.empty(n, 3, side, side, dtype=torch.uint8)
for block in images.split(1000):
    block.random_(0, 256)
real = prepare(data(images, labels), settings)
print((status("VmHWM") - before) / (4 * images.numel()))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measured through /proc")
@pytest.mark.parametrize("kind, count, side", [("normalise", 12_000, 32), ("zca", 40_000, 12)])
def test_memory_holds_the_real_data_once(kind: str, count: int, side: int) -> None:
    """At most 1.6 times its float32 size, uint8 images and temporaries included; 1.25 of it is what stays."""
    arguments = [sys.executable, "-c", PEAK, kind, str(count), str(side)]
    # glibc may keep freed memory, more or less of it by chance, unless the size of blocks that it maps is fixed.
    alone = os.environ | {"OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    result = subprocess.run(arguments, capture_output=True, text=True, check=True, env=alone)
    assert 1.0 < float(result.stdout) < 1.6


def test_settings_added_later_change_no_text_and_no_name() -> None:
    """Names of files and texts of recipes are made from these."""
    settings = DataSettings(name="digits")
    assert repr(settings) == (
        "DataSettings(name='digits', validation=0.1, split_seed=0, preprocess='normalise', augment='', "
        "flips_keep_label=None)"
    )
    assert "mean='0.5', std='0.2'" in repr(DataSettings(name="digits", mean="0.5", std="0.2"))
    text = resolved_toml("ftd-digits-ipc1")
    assert text[text.index("[data]") : text.index("[net]")] == (
        '[data]\nname = "digits"\nvalidation = 0.1\nsplit_seed = 0\npreprocess = "normalise"\n'
        'augment = "color_crop_cutout_scale_rotate"\nflips_keep_label = "none"\n\n'
    )


def test_given_constants_replace_the_fit() -> None:
    data = load_images("digits")
    real = prepare(data, DataSettings(mean=".25", std="0.5"))
    assert (real.preprocess.mean, real.preprocess.std) == ((0.25,), (0.5,))
    rows = data.train_images[real.train_index].float() / 255
    assert torch.equal(real.train.images, (rows - 0.25) / 0.5)
    fitted = prepare(data, DataSettings())
    again = DataSettings(mean=repr(fitted.preprocess.mean[0]), std=repr(fitted.preprocess.std[0]))
    assert prepare(data, again).digest == fitted.digest  # equal numbers have equal digests


@pytest.mark.parametrize("kind", ["normalise", "zca"])
def test_the_fit_can_read_the_images_that_are_held_out(kind: str) -> None:
    data = load_images("digits")
    real = prepare(data, DataSettings(preprocess=kind, fit="all"))
    assert real.preprocess.digest == fit_preprocess(kind, data.train_images).digest
    assert real.preprocess.digest != prepare(data, DataSettings(preprocess=kind)).preprocess.digest
    assert len(real.validation) == len(prepare(data, DataSettings()).validation)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mean": "0.5"}, "key 'data.mean': needs data.std too"),
        ({"mean": "0.5", "std": "0"}, "'data.std': must be above 0, got 0"),
        ({"mean": "0.5", "std": "nan"}, "must be finite numbers"),
        ({"mean": "a", "std": "1"}, "must be finite numbers, one a channel, as in .*; got 'a'"),
        ({"mean": "0.5, 0.5", "std": "1"}, "has 1 numbers, but data.mean 2"),
        (
            {"mean": "0.5", "std": "1", "preprocess": "zca"},
            'replaces the fit of data.preprocess "normalise", got "zca"',
        ),
    ],
)
def test_wrong_constants_are_refused(given: dict[str, str], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        DataSettings(**given)


def test_constants_for_other_channels_are_refused() -> None:
    with pytest.raises(UsageError, match="has 2 numbers, but the images have 1 channel; give one number a channel"):
        prepare(load_images("digits"), DataSettings(mean="0.5, 0.5", std="1, 1"))
