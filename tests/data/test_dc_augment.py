"""DC's augmentation against its description, an image at a time, by loops over pixels and SciPy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import rotate
from torch import Tensor

from ddkit.data import DCAugment
from ddkit.data.dc_augment import OPS, DCParams
from ddkit.randomness import stream

SIDE = (28, 28)


def draw(strategy: str, batches: int = 3, size: int = 40) -> tuple[Tensor, DCParams, Tensor]:
    augment, generator = DCAugment(strategy), stream(0, "dc")
    x = torch.randn(batches, size, 1, *SIDE, generator=generator) + 0.5
    params = augment.sample(generator, batches, size, SIDE)
    return x, params, augment.apply(x, params)


def slowly(name: str, image: np.ndarray, fill: float, u: tuple[float, float]) -> np.ndarray:
    """One grey image [28, 28], by loops over its pixels."""
    out = np.zeros_like(image)
    if name == "rotate":
        turned = rotate(image, int(90 * u[0]) - 45, cval=fill)
        top, left = ((size - 28) // 2 for size in turned.shape)
        return turned[top : top + 28, left : left + 28]
    heights = [int((0.8 + 0.4 * share) * 28) for share in u]
    largest = max(28, *heights)
    for row in range(28):
        for column in range(28):
            if name == "crop":
                place = [row + int(8 * u[0]) - 4, column + int(8 * u[1]) - 4]
                out[row, column] = image[tuple(place)] if all(0 <= at < 28 for at in place) else fill
            else:  # where it lies in the scaled image, both centred in a square that holds both
                sides = list(zip((row, column), heights, strict=True))
                place = [(at + (largest - 28) // 2 - (largest - new) // 2, new) for at, new in sides]
                if all(0 <= at < new for at, new in place):
                    out[row, column] = image[tuple(at * 28 // new for at, new in place)]
    return out


@pytest.mark.parametrize("strategy", ["dc:crop", "dc:scale", "dc:rotate", "dc:crop_scale_rotate"])
def test_every_image_gets_one_operation_of_its_own(strategy: str) -> None:
    x, params, out = draw(strategy)
    assert set(params.ops.flatten().tolist()) == {OPS.index(op) for op in strategy[3:].split("_")}
    for batch, ops, values, done in zip(x, params.ops, params.values, out, strict=True):
        fill = float(batch.mean())
        for i in range(len(batch)):
            wanted = slowly(OPS[int(ops[i])], batch[i, 0].numpy(), fill, tuple(values[i].tolist()))
            np.testing.assert_allclose(done[i, 0].numpy(), wanted, atol=1e-5)


def test_scaling_is_torchs_nearest_interpolation() -> None:
    x, params, out = draw("dc:scale", 1, 60)
    larger = 0
    for image, u, done in zip(x[0], params.values[0].tolist(), out[0], strict=True):
        size = [int((0.8 + 0.4 * share) * 28) for share in u]
        if min(size) < 28:
            continue
        larger += 1
        wide = torch.nn.functional.interpolate(image[None], size)[0]
        top, left = ((max(size) - 28) // 2 - (max(size) - own) // 2 for own in size)
        assert torch.equal(done, wide[:, top : top + 28, left : left + 28])
    assert larger > 5


def test_noise_is_of_a_thousandth_and_new_for_every_batch() -> None:
    x, params, out = draw("dc:crop_noise", 2, 400)
    noisy = params.ops == OPS.index("noise")
    assert 300 < int(noisy.sum()) < 500
    change = (out - x)[noisy]
    assert float(change.std()) == pytest.approx(1e-3, rel=0.02) and abs(float(change.mean())) < 1e-5
    assert not torch.equal(change[0], change[1])


def test_draws_repeat_and_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    (_, _, one), (_, _, other) = draw("dc:crop_scale_rotate"), draw("dc:crop_scale_rotate")
    assert torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_some_batches_are_those_of_all() -> None:
    x, params, out = draw("dc:crop_scale_rotate_noise")
    augment = DCAugment("dc:crop_scale_rotate_noise")
    assert torch.equal(torch.cat([augment.apply(x[:2], params[:2]), augment.apply(x[2:], params[2:])]), out)
