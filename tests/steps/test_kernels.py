"""What the kernels in C are handed is checked, and a kernel that gets no memory says so."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from ddkit.nets import BlockShape
from ddkit.randomness import stream
from ddkit.steps.blocks import NativeBlocks
from ddkit.steps.conv import DirectConvolution
from ddkit.steps.extents import KERNELS
from ddkit.steps.native import kernels

B, H, W, C, F = 3, 6, 4, 16, 17
NORM = (B, 1)  # batch norm: statistics of all images
NUMBERS = {
    "convolve": (1, F, 32, 0),
    "convolve_few": (1, F, 0),
    "pull_weight": (1, F, 32, 2),
    "direct_weight": (0,),
    "winograd": (1, 64, 2),
    "winograd_weight": (),
    "winograd_pull_weight": (1, 64, 2),
}
SHAPES = {
    "map": (B, H, W, C),
    "pooled": (B, H // 2, W // 2, C),
    "channels": (C,),
    "statistics": (B, C),
    "sums": (B, 2, C),
    "means": (2, B, C),
    "tangent means": (4, B, C),
    "out": (B, H, W, F),
    "weights": (3, 3, C, 32),
    "few": (F, 3, 3, C),
    "groups": (2, 3, 3, C, 32),
}
WINOGRAD = {"map": (B, H, W, 32), "out": (B, H, W, 64), "points": (16, 32, 64), "taps": (64, 32, 3, 3)}
WEIGHT = {"map": (64, 30, 3, 3), "along": (3, 3, 30, 64), "back": (3, 3, 64, 32)}
WINOGRAD_WEIGHT = {"map": (64, 32, 3, 3), "points_of_weight": (16, 32, 64)}
SHAPES_OF = {
    "direct_weight": WEIGHT,
    "winograd": WINOGRAD,
    "winograd_weight": WINOGRAD_WEIGHT,
    "winograd_pull_weight": WINOGRAD,
}


@pytest.fixture(autouse=True)
def compiler() -> None:
    if kernels(torch.float32) is None:
        pytest.skip("no C compiler, so no kernels")


def right(name: str) -> list[Tensor]:
    """Arguments that the kernel takes."""
    draw = stream(0, "kernels", name)
    return [torch.rand(SHAPES_OF.get(name, SHAPES)[kind], generator=draw) for kind in KERNELS[name].tensors]


WRONG = {
    "float64": lambda t: t.double(),
    "integers": lambda t: t.int(),
    "not contiguous": lambda t: t.transpose(0, -1) if t.dim() > 1 else torch.cat([t, t])[::2],
    "too small": lambda t: t.flatten()[:-1].clone(),
    "too large": lambda t: torch.cat([t.flatten(), t.new_zeros(1)]),
    "elsewhere": lambda t: t.to("meta"),
    "a number": lambda t: 7,
}


@pytest.mark.parametrize("name", KERNELS)
def test_every_tensor_is_checked(name: str) -> None:
    run = kernels(torch.float32)
    like, numbers = torch.zeros(SHAPES_OF.get(name, SHAPES)["map"]), NUMBERS.get(name, NORM)
    run(name, like, *numbers, *right(name))
    for i, kind in enumerate(KERNELS[name].tensors):
        for wrong, change in WRONG.items():
            given: list = right(name)
            given[i] = change(given[i])
            with pytest.raises(ValueError, match=rf"kernel '{name}': {kind} must be [\d,]+ numbers of torch.float32"):
                run(name, like, *numbers, *given)
                pytest.fail(f"{name}, {kind}: {wrong} was taken")
    with pytest.raises(ValueError, match="needs maps"):
        run(name, like, *numbers, *right(name)[1:])
    with pytest.raises(ValueError, match="needs maps"):
        run(name, like[0], *numbers, *right(name))
    with pytest.raises(ValueError, match="runs on the CPU, got maps on meta"):
        run(name, like.to("meta"), *numbers, *(tensor.to("meta") for tensor in right(name)))


@pytest.mark.parametrize(
    ("name", "numbers", "line"),
    [
        ("convolve", (1, F, 16, 0), "a stride must be a multiple of 16 from 17 on"),
        ("convolve", (1, F, 33, 0), "a stride must be a multiple of 16"),
        ("convolve", (1, F, 0, 0), "a stride must be a multiple of 16 from 17 on, got 0"),
        ("convolve", (-2, F, 32, 0), "cannot run on maps"),
        ("convolve", (1, 0, 32, 0), "cannot run on maps"),
        ("convolve", (2**20, F, 32, 0), "cannot run on maps"),
        ("pull_weight", (1, F, 32, -1), "cannot run on maps"),
        ("winograd", (1, 48, 1), "channels and filters must be multiples of 32, and pairs 1 or 2, got 32, 48 and 1"),
        ("winograd", (1, 64, 3), "got 32, 64 and 3"),
        ("winograd", (1, 64, 0), "got 32, 64 and 0"),
        ("winograd", (-1, 64, 1), "cannot run on maps"),
        ("winograd_pull_weight", (1, 16, 1), "channels and filters must be multiples of 32"),
    ],
)
def test_numbers_that_leave_no_map_are_refused(name: str, numbers: tuple[int, ...], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        kernels(torch.float32)(name, torch.zeros(SHAPES_OF.get(name, SHAPES)["map"]), *numbers, *right(name))
    with pytest.raises(ValueError, match="channels must be a multiple of 16"):
        odd = torch.zeros(B, H, W, 3)
        kernels(torch.float32)("convolve_few", odd, 1, F, 0, odd, torch.zeros(F, 3, 3, 3), torch.zeros(SHAPES["out"]))
    with pytest.raises(ValueError, match=r"a weight must be \[O, C, 3, 3\]"):
        kernels(torch.float32)("direct_weight", torch.zeros(64, 30, 4, 3), 0, *right("direct_weight"))
    for shape in ((48, 32, 3, 3), (32, 48, 3, 3), (32, 32, 3, 4)):
        with pytest.raises(ValueError, match=r"a weight must be \[32 m, 32 n, 3, 3\]"):
            kernels(torch.float32)("winograd_weight", torch.zeros(shape), *right("winograd_weight"))


@pytest.mark.parametrize("name", ["backward", "backward_tangent"])
def test_sums_whose_places_are_no_int_in_c_are_refused(name: str) -> None:
    """The kernels compute a place among 2 B C sums as an int."""
    like = torch.empty(2**20, 1, 1, 1500, device="meta")
    given = [torch.empty(0, device="meta")] * len(KERNELS[name].tensors)
    with pytest.raises(ValueError, match="cannot run on maps"):
        KERNELS[name].checked(name, like, (1, 1, *given), torch.float32)


def test_the_functions_of_blocks_and_convolutions_refuse_other_sizes() -> None:
    blocks = NativeBlocks(kernels(torch.float32))
    z, gamma = torch.rand(B, H, W, C), torch.rand(C)
    p, stats = blocks.forward(z, gamma, gamma)
    for wrong in (z[:2], z.transpose(1, 2), z.double()):
        with pytest.raises(ValueError, match="kernel 'forward_tangent': map must be"):
            blocks.forward_tangent(z, wrong, gamma, gamma, gamma, gamma, stats)
    with pytest.raises(ValueError, match="kernel 'backward': pooled must be"):
        blocks.backward(z, p[:, :1], gamma, gamma, stats)
    shape = BlockShape(channels=3, filters=16, height=H, width=W, padding=1)
    convolution = DirectConvolution(shape, kernels(torch.float32))
    weight, x = convolution.weight(torch.rand(16, 3, 3, 3)), torch.rand(B, H, W, 3)
    for wrong in (torch.rand(B, H, W, 4), x.permute(0, 2, 1, 3), x.double()):
        with pytest.raises(ValueError, match="kernel 'convolve': "):
            convolution.convolve((x, weight), (wrong, weight))


STARVED = """
import resource, torch
from ddkit.steps.native import kernels
run = kernels(torch.float32)
torch.set_num_threads(THREADS)
side = 6000
x, z = torch.zeros(2, side, side, 1), torch.zeros(2, side, side, 1)
w, few, sums = torch.zeros(3, 3, 1, 16), torch.zeros(1, 3, 3, 16), torch.zeros(2, 3, 3, 1, 16)
channels = 2**16
deep, thin, points, taps = (torch.zeros(n) for n in (channels, 32, 16 * channels * 32, 9 * channels * 32))
deep, thin = deep.view(1, 1, 1, -1), thin.view(1, 1, 1, -1)
run("convolve", x[:, :8, :8].contiguous(), 1, 1, 16, 0, x[:, :8, :8].contiguous(), w, z[:, :8, :8].contiguous())
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**26,) * 2)
for name, like, numbers, tensors in (
    ("convolve", x, (1, 1, 16, 0), (x, w, z)),
    ("pull_weight", x, (1, 1, 16, 2), (x, z, sums)),
    ("winograd", deep, (1, 32, 1), (deep, points, deep, points, thin)),
    ("winograd_pull_weight", deep, (1, 32, 1), (deep, thin, deep, thin, taps)),
):
    try:
        run(name, like, *numbers, *tensors)
        print("it ran")
    except MemoryError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of address space")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_kernel_that_gets_no_memory_says_so_and_the_process_lives(threads: int) -> None:
    """The kernel of before called abort()."""
    script = STARVED.replace("THREADS", str(threads))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    expected = "the kernel '{}' could not allocate memory for maps of {}"
    kernels_and_maps = [
        *((name, [2, 6000, 6000, 1]) for name in ("convolve", "pull_weight")),
        *((name, [1, 1, 1, 65536]) for name in ("winograd", "winograd_pull_weight")),
    ]
    assert done.stdout.splitlines() == [expected.format(*one) for one in kernels_and_maps]
