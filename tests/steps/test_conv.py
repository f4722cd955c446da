"""The three convolutions of a CPU against autograd in float64, in every type of map, at odd sizes and both paddings."""

import pytest
import torch
from torch.testing import assert_close

from ddkit.nets import BlockShape
from ddkit.randomness import stream
from ddkit.steps import conv
from ddkit.steps.conv import DirectConvolution, LibraryConvolution, WinogradConvolution, choose_convolution
from ddkit.steps.native import kernels

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2}


def shapes(*numbers: tuple[int, int, int, int, int]) -> list[BlockShape]:
    """Shapes from (channels, filters, height, width, padding)."""
    return [BlockShape(channels=c, filters=o, height=h, width=w, padding=p) for c, o, h, w, p in numbers]


SHAPES = shapes(
    (1, 16, 28, 28, 1),
    (1, 16, 7, 9, 3),
    (3, 32, 16, 16, 1),
    (3, 17, 5, 30, 3),
    (5, 16, 9, 4, 1),
    (16, 16, 14, 14, 1),
    (17, 5, 3, 11, 1),
    (32, 32, 8, 7, 1),
    (2, 64, 1, 1, 1),
    (64, 3, 6, 23, 1),
)


def problem(shape: BlockShape, dtype: torch.dtype, batch: int = 11):
    """x [B, H, W, C], w [O, C, 3, 3], gz [B, H', W', O], and autograd's z, d / d x and d / d w of them in float64."""
    generator = stream(0, "convolution")
    grow = 2 * shape.padding - 2
    x = torch.randn(batch, shape.height, shape.width, shape.channels, generator=generator).to(dtype)
    w = torch.randn(shape.filters, shape.channels, 3, 3, generator=generator).to(dtype)
    gz = torch.randn(batch, shape.height + grow, shape.width + grow, shape.filters, generator=generator).to(dtype)
    xd, wd = x.double().requires_grad_(), w.double().requires_grad_()
    z = torch.conv2d(xd.permute(0, 3, 1, 2), wd, padding=shape.padding).permute(0, 2, 3, 1)
    return (x, w, gz), (z.detach(), *torch.autograd.grad(z, (xd, wd), gz.double()))


def close(found: torch.Tensor, expected: torch.Tensor, dtype: torch.dtype) -> None:
    scale = expected.abs().max()
    assert_close(found.double() / scale, expected / scale, rtol=0, atol=TOLERANCE[dtype])


WIDE = shapes(
    (32, 32, 8, 8, 1),
    (32, 64, 7, 5, 1),
    (64, 32, 4, 9, 3),
    (96, 160, 3, 3, 1),
    (32, 32, 1, 1, 1),
    (64, 96, 2, 1, 2),
    (32, 64, 13, 10, 2),
    (128, 128, 16, 16, 1),
)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        *((kind, shape) for kind in (DirectConvolution, LibraryConvolution) for shape in SHAPES),
        *((WinogradConvolution, shape) for shape in WIDE),
    ],
    ids=str,
)
def test_the_three_forms_are_autograds(kind, shape, dtype):
    convolution = kind(shape) if kind is LibraryConvolution else kind(shape, kernels(dtype))
    (x, w, gz), (z, gx, gw) = problem(shape, dtype)
    image, weight = convolution.image(x), convolution.weight(w)
    close(convolution.convolve((image, weight)), z, dtype)
    close(convolution.pull_image((gz, weight)), gx, dtype)
    close(convolution.pull_weight((image, gz)), gw, dtype)
    # several pairs are summed
    close(convolution.convolve((image, weight), (image, weight)), 2 * z, dtype)
    close(convolution.pull_image((gz, weight), (gz, weight)), 2 * gx, dtype)
    close(convolution.pull_weight((image, gz), (image, gz)), 2 * gw, dtype)


@pytest.mark.parametrize("batch", [1, 3, 11])
@pytest.mark.parametrize(("kind", "shape"), [(DirectConvolution, SHAPES[2]), (WinogradConvolution, WIDE[3])])
def test_threads_change_no_bit(kind, shape, batch):
    convolution = kind(shape, kernels(torch.float32))
    (x, w, gz), _ = problem(shape, torch.float32, batch)
    weight, made = convolution.weight(w), []
    before = torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        try:
            made.append(
                [
                    convolution.convolve((x, weight)),
                    convolution.pull_image((gz, weight)),
                    convolution.pull_weight((x, gz)),
                ]
            )
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*made, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("batch", [2, 5, 11])
def test_winograds_outputs_do_not_depend_on_the_other_images(batch, dtype):
    """Blocks of tiles cross images, and their sizes depend on the batch."""
    convolution = WinogradConvolution(WIDE[1], kernels(dtype))
    (x, w, gz), _ = problem(WIDE[1], dtype, batch)
    weight = convolution.weight(w)
    for form, maps in ((convolution.convolve, x), (convolution.pull_image, gz)):
        alone = [form((one.contiguous(), weight)) for one in maps.split(1)]
        assert torch.equal(form((maps, weight)), torch.cat(alone))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        *((DirectConvolution, SHAPES[i]) for i in (0, 3, 5)),
        (WinogradConvolution, WIDE[0]),
        (WinogradConvolution, WIDE[2]),
    ],
    ids=str,
)
def test_a_lost_number_stays_lost_and_stays_in_its_image(kind, shape, dtype):
    convolution = kind(shape, kernels(dtype))
    (x, w, gz), _ = problem(shape, dtype)
    x[4, 2, 3, 0] = gz[4, 3, 4, 0] = float("nan")
    weight = convolution.weight(w)
    for made in (convolution.convolve((x, weight)), convolution.pull_image((gz, weight))):
        lost = made.isnan().flatten(1).any(1)
        assert lost.tolist() == [i == 4 for i in range(len(x))]
    assert convolution.pull_weight((x, gz)).isnan().any()


def test_which_is_chosen(monkeypatch):
    """By layer, type of maps and processor: the same in each run on a machine."""
    compiled = kernels(torch.float32)
    assert isinstance(choose_convolution(SHAPES[0], compiled), DirectConvolution)
    for channels, filters, kind in ((128, 128, WinogradConvolution), (32, 64, WinogradConvolution)):
        wide = BlockShape(channels=channels, filters=filters, height=8, width=8, padding=1)
        assert isinstance(choose_convolution(wide, compiled), kind)
        assert isinstance(choose_convolution(wide, kernels(torch.float64)), kind)
        for units, of_bfloat16 in ((False, WinogradConvolution), (True, LibraryConvolution)):
            monkeypatch.setattr(conv, "has_matrix_units", lambda units=units: units)
            assert isinstance(choose_convolution(wide, kernels(torch.bfloat16)), of_bfloat16)
            assert isinstance(choose_convolution(wide, compiled), kind)
    for maps in (torch.float32, torch.float64, torch.bfloat16):
        small = BlockShape(channels=32, filters=32, height=4, width=4, padding=1)
        assert isinstance(choose_convolution(small, kernels(maps)), WinogradConvolution)
        assert isinstance(choose_convolution(SHAPES[5], kernels(maps)), DirectConvolution)
    odd = BlockShape(channels=100, filters=128, height=8, width=8, padding=1)
    assert isinstance(choose_convolution(odd, compiled), LibraryConvolution)


@pytest.mark.parametrize("shape", [WIDE[0], WIDE[7]], ids=str)
def test_winograds_error_in_float32_is_at_most_twice_the_librarys(shape):
    """The norm of the difference from float64, of each form. F(4x4, 3x3) would have three times it."""
    (x, w, gz), truth = problem(shape, torch.float32)
    errors = []
    for convolution in (WinogradConvolution(shape, kernels(torch.float32)), LibraryConvolution(shape)):
        image, weight = convolution.image(x), convolution.weight(w)
        made = (
            convolution.convolve((image, weight)),
            convolution.pull_image((gz, weight)),
            convolution.pull_weight((image, gz)),
        )
        errors.append([float((one.double() - exact).norm()) for one, exact in zip(made, truth, strict=True)])
    assert all(winograd <= 2 * library for winograd, library in zip(*errors, strict=True)), errors
