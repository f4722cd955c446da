"""Teachers of torchvision's, whose download is replaced by a network that was made here."""

import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import pytest
import torch
from torch import Tensor
from torchvision.models import get_model, get_model_weights

from ddkit.data import DataSettings, ImageData, Part, RealData, prepare
from ddkit.errors import DataError
from ddkit.experts.teachers.pretrained import pretrained
from ddkit.experts.teachers.wanted import Wanted
from ddkit.randomness import stream

CLASSES, SIDE = 1000, 32


@pytest.fixture(scope="module")
def module() -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return get_model("resnet18", weights=None).eval()


@pytest.fixture
def named_by(module: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], RealData]:
    """Noise, labelled by the module itself, its classes moved by so many places."""

    class Weights:
        meta = get_model_weights("resnet18")["IMAGENET1K_V1"].meta

        url = get_model_weights("resnet18")["IMAGENET1K_V1"].url

        def get_state_dict(self, **_: Any) -> dict[str, Tensor]:
            return module.state_dict()

    monkeypatch.setattr("torchvision.models.get_model_weights", lambda _: {"IMAGENET1K_V1": Weights()})

    def make(shift: int) -> RealData:
        draw = stream(0, "noise")
        train = torch.randint(256, (2 * CLASSES, 3, SIDE, SIDE), generator=draw, dtype=torch.uint8)
        data = ImageData(
            train_images=train,
            train_labels=torch.arange(CLASSES).repeat(2),
            test_images=train[:2],
            test_labels=torch.arange(2),
            name="noise",
            classes=tuple(map(str, range(CLASSES))),
            flips_keep_label=None,
            licence="none",
        )
        real = prepare(data, DataSettings(preprocess="imagenet", validation=0.49))
        images = real.validation.images[:50]
        with torch.no_grad():
            labels = (module(images).argmax(1) + shift) % CLASSES
        return dataclasses.replace(real, validation=Part(images, labels))

    return make


def test_it_is_the_module_and_knows_how_well_it_does(
    module: torch.nn.Module, named_by: Callable[[int], RealData]
) -> None:
    real = named_by(0)
    bundle = pretrained("resnet18", real)
    images = real.validation.images
    with torch.no_grad():
        torch.testing.assert_close(bundle.net(bundle.theta, images, bundle.stats), module(images), rtol=1e-4, atol=1e-5)
    assert bundle.facts.validation_accuracy == 1
    assert bundle.facts.mean == (0.485, 0.456, 0.406)
    bundle.refuse_mismatch(real, "teacher")


def test_classes_in_another_order_are_refused(named_by: Callable[[int], RealData]) -> None:
    with pytest.raises(DataError, match=r"has an accuracy of 0\.0 % .* the classes are in ImageNet's order"):
        pretrained("resnet18", named_by(1))


def test_another_number_of_classes_is_refused() -> None:
    images = torch.randint(256, (12, 3, SIDE, SIDE), generator=stream(0, "noise"), dtype=torch.uint8)
    labels = torch.arange(12) % 3
    data = ImageData(
        train_images=images,
        train_labels=labels,
        test_images=images,
        test_labels=labels,
        name="noise",
        classes=("a", "b", "c"),
        flips_keep_label=None,
        licence="none",
    )
    with pytest.raises(DataError, match="has 1000 classes, the data has 3"):
        pretrained("resnet18", prepare(data, DataSettings(preprocess="imagenet", validation=0.25)))


@pytest.mark.parametrize(
    "error", [URLError("no network"), RuntimeError("invalid hash value"), EOFError(), pickle.UnpicklingError("x")]
)
def test_weights_that_cannot_be_had_are_one_line(
    named_by: Callable[[int], RealData], error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = named_by(0)
    theirs = get_model_weights("resnet18")["IMAGENET1K_V1"]

    def fail(**_: Any) -> dict[str, Tensor]:
        raise error

    weights = SimpleNamespace(meta=theirs.meta, url=theirs.url, get_state_dict=fail)
    monkeypatch.setattr("torchvision.models.get_model_weights", lambda _: {"IMAGENET1K_V1": weights})
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    with pytest.raises(DataError, match=r"cannot be loaded from \S+/resnet18\S+\.pth .*; put that file into") as caught:
        pretrained("resnet18", real)
    assert "\n" not in str(caught.value) and str(tmp_path / "checkpoints") in str(caught.value)


def test_they_are_here_once_they_are_on_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    teacher = Wanted(None, 0, Path("torchvision:resnet18"))
    assert not teacher.here
    file = tmp_path / "checkpoints" / Path(get_model_weights("resnet18")["IMAGENET1K_V1"].url).name
    file.parent.mkdir()
    file.touch()
    assert teacher.here
