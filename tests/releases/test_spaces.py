"""The space of images is seen from their values. The expected values were measured on CIFAR-10 and on released sets."""

import pytest
import torch

from ddkit.data import ZCA, Normalise
from ddkit.randomness import stream
from ddkit.releases import BYTES, OTHER_ZCA, Measured, constants_of, space_of

MEASURED = {
    "CIFAR-10 raw": ((0, 1, 0.47, 0.252, 0.124, 0.906), "raw"),
    "CIFAR-10 normalised by .2023": ((-2.43, 2.75, 0, 1.249, 0.617, 0.906), "normalised"),
    "CIFAR-10 normalised by .2470": ((-1.99, 2.13, 0, 1.0, 0.494, 0.906), "normalised"),
    "CIFAR-10 whitened by kornia": ((-2.26, 2.17, 0, 0.261, 0.018, 0.628), "zca"),
    "CIFAR-10 whitened by FRePo": ((-6.9, 6.2, 0, 0.486, 0.018, 0.4), OTHER_ZCA),
    "CIFAR-10 whitened by KIP": ((-11.1, 12.9, 0, 0.522, 0, 0.4), OTHER_ZCA),
    "DC's CIFAR-10, ipc 10": ((-9.17, 8.79, 0.06, 1.58, 0.18, 0.834), "normalised"),
    "RCIG's CIFAR-10, ipc 1": ((-2.79, 3.28, 0, 0.455, 0.012, 0.425), OTHER_ZCA),
    "DC's MNIST": ((-2.22, 6.86, -0.19, 1.53, 0.18, 0.79), "normalised"),
    "CIFAR-10 as floats of 0 to 255": ((0, 255, 120.7, 64.2, 31.6, 0.906), BYTES),
    "pixels beyond their range": ((-0.6, 1.6, 0.47, 0.4, 0.12, 0.9), None),
}


@pytest.mark.parametrize("name", MEASURED)
def test_the_space_of_measured_images(name: str) -> None:
    numbers, space = MEASURED[name]
    assert space_of(Measured(*map(float, numbers))) == space


def test_images_are_measured() -> None:
    images = torch.rand(7, 2, 5, 6, generator=stream(0, "images"))
    found, x = Measured.of(images), images.double()
    assert (found.low, found.high) == (float(x.min()), float(x.max()))
    assert found.mean == pytest.approx(float(x.mean())) and found.std == pytest.approx(float(x.std(correction=0)))
    assert found.std_of_means == pytest.approx(float(torch.stack([own.mean() for own in x]).std(correction=0)))
    pairs = [(x[i, c, h, w], x[i, c, h, w + 1]) for i in range(7) for c in range(2) for h in range(5) for w in range(5)]
    assert found.neighbours == pytest.approx(float(torch.corrcoef(torch.tensor(pairs).T)[0, 1]))
    assert Measured.of((255 * images).byte()).mean == pytest.approx(found.mean, abs=1 / 255)


def test_smooth_images_are_told_apart_in_every_space() -> None:
    """Smooth pixels, as natural images have them."""
    coarse = torch.rand(400, 3, 3, 3, generator=stream(0, "coarse"))
    raw = (torch.nn.functional.interpolate(coarse, size=12, mode="bilinear") * 255).byte()
    fits = (Normalise.fit(raw), ZCA.fit(raw))
    assert [space_of(Measured.of(images)) for images in (raw, *(fit.forward(raw) for fit in fits))] == [
        *("raw", "normalised", "zca")
    ]


def test_constants_by_family_and_data() -> None:
    assert constants_of("mtt", "cifar100") == constants_of("mtt", "CIFAR10") == constants_of("dc", "cifar10")
    assert constants_of("dc", "CIFAR-100") == ((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762))
    assert constants_of("frepo", "tiny_imagenet") == ((0.4759, 0.4481, 0.3926), (0.2763, 0.2687, 0.2813))
    assert constants_of("dc", "digits") is None
