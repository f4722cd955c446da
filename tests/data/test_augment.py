import math

import numpy as np
import pytest
import torch
from kornia.enhance import adjust_brightness
from kornia.geometry.transform import affine, crop_by_indices, hflip, rotate
from scipy import ndimage, stats
from torch import Tensor

from ddkit.data.augment import DSA, DSAParams
from ddkit.errors import UsageError
from ddkit.randomness import stream

OPS = ("color", "crop", "cutout", "flip", "scale", "rotate")
FULL = "_".join(OPS)
SHAPES = [(1, 8, 8), (1, 28, 28), (3, 9, 14), (3, 32, 32)]


def color_by_loop(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    added, saturation, contrast = values
    y = image + added
    mean = y.mean(axis=0, keepdims=True)
    z = (y - mean) * saturation + mean
    return (z - z.mean()) * contrast + z.mean()


def crop_by_loop(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = np.zeros_like(image)
    _, h, w = image.shape
    for r in range(h):
        for c in range(w):
            source = r + int(values[0]), c + int(values[1])
            if 0 <= source[0] < h and 0 <= source[1] < w:
                out[:, r, c] = image[:, source[0], source[1]]
    return out


def cutout_by_loop(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = image.copy()
    _, h, w = image.shape
    for r in range(h):
        for c in range(w):
            if 0 <= r - values[0] < int(0.5 * h + 0.5) and 0 <= c - values[1] < int(0.5 * w + 0.5):
                out[:, r, c] = 0
    return out


def flip_by_loop(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = image.copy()
    for c in range(image.shape[2] if values[0] else 0):
        out[:, :, c] = image[:, :, image.shape[2] - 1 - c]
    return out


def affine_by_scipy(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """`matrix` maps output to input, in (y, x) from the image's centre; scipy wants a border of its own.

    scipy counts a point beyond the last pixel as outside at once, where zero padding fades over one pixel: hence the
    border of two zero pixels.
    """
    centre = (np.array(image.shape[1:]) - 1) / 2 + 2
    bordered = np.pad(image, ((0, 0), (2, 2), (2, 2)))
    out = [ndimage.affine_transform(p, matrix, centre - matrix @ centre, order=1) for p in bordered]
    return np.stack(out)[:, 2:-2, 2:-2]


def scale_by_scipy(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    sx, sy, _ = values
    return affine_by_scipy(image, np.diag([sy, sx]))


def rotate_by_scipy(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    cos, sin = math.cos(values[0]), math.sin(values[0])
    return affine_by_scipy(image, np.array([[cos, sin], [-sin, cos]]))


ORACLES = {
    "color": color_by_loop,
    "crop": crop_by_loop,
    "cutout": cutout_by_loop,
    "flip": flip_by_loop,
    "scale": scale_by_scipy,
    "rotate": rotate_by_scipy,
}


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=stream(seed, "images"), dtype=torch.float64)


def draw(strategy: str, batches: int, batch_size: int | None, side: tuple[int, int], seed: int = 0) -> DSAParams:
    return DSA(strategy).sample(stream(seed, "augment"), batches, batch_size, side)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("strategy", [*OPS, FULL])
@pytest.mark.parametrize("siamese", [False, True])
def test_agrees_with_a_loop_over_single_images(strategy, shape, siamese):
    x = images(6, 5, *shape)
    params = draw(strategy, 6, None if siamese else 5, shape[1:])
    out = DSA(strategy).apply(x, params)
    for i, name in enumerate(params.ops):
        for j in range(5):
            values = params.values[i, 0 if siamese else j].numpy()
            np.testing.assert_allclose(out[i, j].numpy(), ORACLES[name](x[i, j].numpy(), values), atol=1e-12)


@pytest.mark.parametrize("strategy", OPS)
def test_single_precision_is_the_same_operation(strategy):
    x, params = images(3, 10, 3, 32, 32), draw(strategy, 3, 10, (32, 32))
    out = DSA(strategy).apply(x.float(), params)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out.double(), DSA(strategy).apply(x, params), atol=2e-5, rtol=0)


def test_kornia_does_the_same_flip_brightness_and_crop():
    x = images(1, 20, 3, 32, 32)
    flipped = draw("flip", 1, 20, (32, 32))
    mirrored = flipped.values[0, :, 0] == 1
    assert 0 < mirrored.sum() < 20
    out = DSA.apply(x, flipped)
    assert torch.equal(out[0, mirrored], hflip(x[0, mirrored])) and torch.equal(out[0, ~mirrored], x[0, ~mirrored])

    brighter = draw("color", 1, 20, (32, 32))
    brighter.values[..., 1:] = 1
    expected = adjust_brightness(x[0], brighter.values[0, :, 0], clip_output=False)
    torch.testing.assert_close(DSA.apply(x, brighter)[0], expected, atol=1e-12, rtol=0)

    cropped = draw("crop", 1, 20, (32, 32))
    out, padded = DSA.apply(x, cropped), torch.nn.functional.pad(x[0], (4, 4, 4, 4))
    for j, (down, right, _) in enumerate(cropped.values[0].long().tolist()):
        top, left = down + 4, right + 4
        corners = [[left, top], [left + 31, top], [left + 31, top + 31], [left, top + 31]]
        assert torch.equal(out[0, j], crop_by_indices(padded[j : j + 1], torch.tensor([corners]))[0])


def test_kornia_does_the_same_rotation_and_scaling_by_the_reciprocal():
    x = images(1, 10, 3, 32, 32)
    turned = draw("rotate", 1, 10, (32, 32))
    expected = rotate(x[0], turned.values[0, :, 0].rad2deg(), align_corners=True)
    torch.testing.assert_close(DSA.apply(x, turned)[0], expected, atol=1e-9, rtol=0)

    zoomed = draw("scale", 1, 10, (32, 32))
    matrix = torch.zeros(10, 2, 3, dtype=torch.float64)
    matrix[:, [0, 1], [0, 1]] = 1 / zoomed.values[0, :, :2]
    matrix[:, :, 2] = 15.5 * (1 - matrix[:, [0, 1], [0, 1]])
    torch.testing.assert_close(DSA.apply(x, zoomed)[0], affine(x[0], matrix, align_corners=True), atol=1e-9, rtol=0)


@pytest.mark.parametrize("shape", [(3, 20, 32), (3, 32, 20), (1, 9, 40)])
def test_kornia_turns_images_that_are_not_square_in_the_same_way(shape):
    x = images(1, 10, *shape)
    turned = draw("rotate", 1, 10, shape[1:])
    expected = rotate(x[0], turned.values[0, :, 0].rad2deg(), align_corners=True)
    torch.testing.assert_close(DSA.apply(x, turned)[0], expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("side", [(1, 7), (7, 1), (1, 1)])
def test_a_line_of_pixels_turns_about_its_centre(side):
    x, turned = images(1, 4, 1, *side), draw("rotate", 1, 4, side)
    at_rest = DSAParams(turned.ops, torch.zeros_like(turned.values), side)
    assert torch.equal(DSA.apply(x, at_rest), x)
    middle = side[0] // 2, side[1] // 2
    torch.testing.assert_close(DSA.apply(x, turned)[..., *middle], x[..., *middle])


@pytest.mark.parametrize("strategy", OPS)
@pytest.mark.parametrize("siamese", [False, True])
def test_first_and_second_derivatives(strategy, siamese):
    params = draw(strategy, 1, None if siamese else 2, (4, 3))
    x = images(1, 2, 2, 4, 3).requires_grad_()

    def cubed(x: Tensor) -> Tensor:  # every operation is affine in x; the cube gives the second derivative work to do
        return DSA.apply(x, params) ** 3

    assert torch.autograd.gradcheck(cubed, (x,))
    assert torch.autograd.gradgradcheck(cubed, (x,))


def test_all_batches_at_once_are_bitwise_the_slices_one_by_one():
    x, params = images(20, 10, 1, 8, 8).float(), draw(FULL, 20, 10, (8, 8), seed=1)
    assert set(params.ops) == set(OPS)
    together = DSA.apply(x, params)
    assert torch.equal(together, torch.cat([DSA.apply(x[i : i + 1], params[i]) for i in range(20)]))
    assert torch.equal(together[3:9], DSA.apply(x[3:9], params[3:9]))
    assert len(params) == 20 and params[-1].ops == params.ops[-1:]
    with pytest.raises(IndexError):
        params[20]


@pytest.mark.parametrize("shape", SHAPES)
def test_siamese_parameters_replay_at_another_batch_size(shape):
    x, params = images(24, 10, *shape).float(), draw(FULL, 24, None, shape[1:])
    assert set(params.ops) == set(OPS)
    assert torch.equal(DSA.apply(x, params)[:, :3], DSA.apply(x[:, :3], params))


def test_siamese_samples_share_one_parameter_and_others_do_not():
    same = images(1, 1, 3, 32, 32).expand(12, 4, 3, 32, 32)
    shared = DSA.apply(same, draw("color_scale_rotate", 12, None, (32, 32)))
    own = DSA.apply(same, draw("color_scale_rotate", 12, 4, (32, 32)))
    assert torch.equal(shared, shared[:, :1].expand_as(shared))
    assert ((own[:, 1:] - own[:, :1]).flatten(2).abs().amax(2) > 0.01).all()


def test_backward_gives_the_same_bits_every_time():
    params = draw(FULL, 20, 10, (32, 32))
    x = images(20, 10, 3, 32, 32).float().requires_grad_()
    cotangent = images(20, 10, 3, 32, 32, seed=1).float()
    first, *others = [torch.autograd.grad(DSA.apply(x, params), x, cotangent)[0] for _ in range(4)]
    assert all(torch.equal(first, other) for other in others)


def test_operations_are_uniform_and_one_image_in_twelve_is_mirrored():
    params = draw(FULL, 12000, 4, (8, 8))
    counts = [params.ops.count(name) for name in OPS]
    assert stats.chisquare(counts).pvalue > 0.01
    flips = torch.tensor([name == "flip" for name in params.ops])
    mirrored = params.values[flips][..., 0].sum().item() / (12000 * 4)
    assert mirrored == pytest.approx(1 / 12, abs=0.005)  # 3 standard errors of the operation's choice and the coins


def test_parameters_fill_the_published_ranges():
    def spread(strategy: str, number: int) -> np.ndarray:
        return draw(strategy, 1, 20000, (32, 28)).values[0, :, number].numpy()

    uniform = [("color", 0, -0.5, 0.5), ("color", 1, 0, 2), ("color", 2, 0.5, 1.5)]
    uniform += [("scale", 0, 1 / 1.2, 1.2), ("scale", 1, 1 / 1.2, 1.2)]
    uniform += [("rotate", 0, -math.pi / 12, math.pi / 12)]
    for name, number, low, high in uniform:
        assert stats.kstest(spread(name, number), stats.uniform(low, high - low).cdf).pvalue > 0.01, (name, number)
    # crop: whole pixels within 4 of 32 and int(3.5 + .5) = 4 of 28; cutout: first row -8 to 24, first column -7 to 21
    integers = [("crop", 0, -4, 4), ("crop", 1, -4, 4), ("cutout", 0, -8, 24), ("cutout", 1, -7, 21)]
    for name, number, low, high in integers:
        found, counts = np.unique(spread(name, number), return_counts=True)
        assert found.tolist() == list(range(low, high + 1)), (name, number)
        assert stats.chisquare(counts).pvalue > 0.01, (name, number)
    for side, centres in [(7, range(8)), (6, range(6))]:  # a box of even side, 4, and one of odd side, 3
        first = draw("cutout", 1, 2000, (side, side)).values[..., 0]
        assert np.unique(first).tolist() == [c - (2 if side == 7 else 1) for c in centres]
    sx, sy = spread("scale", 0), spread("scale", 1)
    assert abs(np.corrcoef(sx, sy)[0, 1]) < 0.03


def test_cutout_erases_the_published_share():
    out = DSA.apply(torch.ones(1, 20000, 1, 32, 32), draw("cutout", 1, 20000, (32, 32)))
    # each of the 33 centres leaves min(centre + 8, 32) - max(centre - 8, 0) rows erased
    rows = sum(min(c + 8, 32) - max(c - 8, 0) for c in range(33)) / 33 / 32
    assert rows**2 == pytest.approx(0.186, abs=5e-4)
    assert (out == 0).double().mean().item() == pytest.approx(rows**2, abs=0.002)


def test_draws_leave_the_global_generator_alone_and_repeat():
    before = torch.get_rng_state()
    params = draw(FULL, 8, 5, (8, 8))
    DSA.apply(images(8, 5, 1, 8, 8), params)
    assert torch.equal(before, torch.get_rng_state())
    again, other = draw(FULL, 8, 5, (8, 8)), draw(FULL, 8, 5, (8, 8), seed=1)
    assert again.ops == params.ops and torch.equal(again.values, params.values)
    assert not torch.equal(other.values, params.values)


def test_the_number_of_draws_depends_on_neither_operation_nor_side():
    tails = []
    for strategy, side in [("crop", (8, 8)), ("color_flip", (8, 8)), (FULL, (32, 28))]:
        generator = stream(0, "augment")
        DSA(strategy).sample(generator, 4, 3, side)
        tails.append(torch.rand(5, generator=generator))
    assert all(torch.equal(tail, tails[0]) for tail in tails)


def test_the_empty_strategy_changes_nothing():
    dsa, x = DSA(""), images(3, 4, 1, 8, 8)
    assert dsa.ops == () and not dsa.flips
    assert torch.equal(dsa.apply(x, dsa.sample(stream(0), 3, 4, (8, 8))), x)


def test_attributes():
    dsa = DSA("rotate_flip_color")
    assert (dsa.strategy, dsa.ops, dsa.flips) == ("rotate_flip_color", ("rotate", "flip", "color"), True)
    assert not DSA("color_crop_cutout_scale_rotate").flips


def test_strategies_joined_by_plus_follow_each_other():
    """A flip of its own falls on half of all images, whatever comes after it."""
    dsa, x = DSA("flip+color_crop"), images(600, 4, 1, 8, 8)
    assert dsa.groups == (("flip",), ("color", "crop")) and dsa.flip_share == 0.5
    assert DSA(FULL).flip_share == pytest.approx(1 / 12)
    params = dsa.sample(stream(0, "augment"), 600, 4, (8, 8))
    assert set(params.ops) == {"flip"} and params.then is not None and set(params.then.ops) == {"color", "crop"}
    assert params.values[..., 0].mean().item() == pytest.approx(0.5, abs=0.04)  # 4 standard errors
    expected = DSA.apply(DSA.apply(x, DSAParams(params.ops, params.values, (8, 8))), params.then)
    assert torch.equal(dsa.apply(x, params), expected)
    assert torch.equal(dsa.apply(x[5:9], params[5:9]), expected[5:9])
    assert torch.equal(dsa.apply(x[:, :2], params.rows(slice(2))), expected[:, :2])
    assert torch.equal(dsa.apply(x, DSAParams.join([params[:300], params[300:]])), expected)


def test_siamese_batches_share_one_draw():
    dsa, x = DSA("color_crop_scale"), images(1, 5, 1, 8, 8)[0]
    params = dsa.sample(stream(0, "augment"), 1, None, (8, 8))
    one, other = dsa.siamese(params, x, x[:2])
    assert torch.equal(one, DSA.apply(x[None], params)[0]) and torch.equal(one[:2], other)


def test_a_strategy_without_its_flip():
    for strategy, rest in [("flip", ""), ("color_flip", "color"), ("flip+color_crop", "color_crop"), ("crop", "crop")]:
        assert DSA(strategy).without_flip() == rest


@pytest.mark.parametrize(
    ("strategy", "line"),
    [
        ("color_corp", "'color_corp': unknown operation 'corp'; did you mean crop"),
        ("color__flip", "unknown operation ''; there are: color, crop, cutout, flip, rotate, scale"),
        ("Flip", "unknown operation 'Flip'"),
        ("flip+color_flip", "names 'flip' twice"),
        ("flip+", "unknown operation ''"),
        ("flip_crop_flip", "names 'flip' twice"),
    ],
)
def test_refuses_a_wrong_strategy(strategy, line):
    with pytest.raises(UsageError, match=line):
        DSA(strategy)


@pytest.mark.parametrize(
    ("shape", "line"),
    [
        ((3, 5, 1, 8, 8), "drawn for 2 batches, got 3"),
        ((2, 4, 1, 8, 8), "drawn for batches of 5, got 4"),
        ((2, 5, 1, 8, 9), r"drawn for images of \(8, 8\), got \(8, 9\)"),
    ],
)
def test_refuses_parameters_of_other_images(shape, line):
    with pytest.raises(UsageError, match=line):
        DSA.apply(images(*shape), draw(FULL, 2, 5, (8, 8)))


@pytest.mark.gpu
@pytest.mark.parametrize("shape", SHAPES)
def test_a_gpu_gives_the_same_images_and_gradients(gpu, shape):
    x, params = images(12, 5, *shape).float(), draw(FULL, 12, 5, shape[1:])
    results = []
    for device in ("cpu", gpu):
        there = x.to(device).requires_grad_()
        out = DSA.apply(there, params)
        (gradient,) = torch.autograd.grad((out**2).sum(), there)
        results.append((out.detach().cpu(), gradient.cpu()))
    for cpu, cuda in zip(*results, strict=True):
        torch.testing.assert_close(cuda, cpu, atol=1e-4, rtol=1e-4)
