"""The Triton kernels against the formulas in float64, and the choice between them and compiled formulas on CUDA."""

import multiprocessing
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec

import pytest
import torch
from block_functions import (
    KINDS,
    MAPS,
    RESULTS,
    arguments,
    errors,
    forward_of,
    interpret,
    refused,
    spilled,
    triton_blocks,
    triton_errors,
)

import ddkit.steps.choose as choose
import ddkit.steps.measured as measured
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps import slower
from ddkit.steps.convnet import ConvNetStep
from ddkit.steps.formulas import FormulaBlocks
from ddkit.steps.measured import MeasuredBlocks

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton, which torch for CUDA brings")

SIZES = [(4, 4, 1), (5, 7, 3), (9, 4, 130), (16, 15, 20), (28, 28, 2), (32, 32, 9), (33, 33, 5)]
"""Height, width and channels: even and odd maps, a part of a block of channels, several blocks."""

CASES = [
    *((size, "usual", torch.float32) for size in SIZES),
    *((size, kind, torch.float32) for size in ((5, 7, 3), (33, 32, 2)) for kind in KINDS[1:]),
    *(((33, 8, 9), kind, torch.bfloat16) for kind in KINDS),
    *(((17, 16, 3), kind, torch.float64) for kind in ("usual", "constant")),
]
BOUNDS = {torch.float32: 1e-5, torch.bfloat16: 1e-5, torch.float64: 1e-11}
BFLOAT16 = 2**-7
"""One unit in the last digit of bfloat16. Triton's interpreter cuts the other digits off, a GPU rounds them."""


def process(initializer: Callable[[], object] | None = None) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=initializer)


@pytest.fixture(scope="module")
def interpreter() -> Iterator[ProcessPoolExecutor]:
    """A process in which Triton interprets its kernels."""
    with process(interpret) as pool:
        yield pool


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., int]]:
    """`spilled` in a process in which Triton compiles its kernels."""
    with process() as pool:
        yield lambda *given: pool.submit(spilled, *given, str(tmp_path_factory.mktemp("triton"))).result()


def within_bounds(found: dict[str, float], maps: torch.dtype) -> None:
    assert len(found) == sum(map(len, RESULTS.values()))
    for result, error in found.items():
        rounded = maps == torch.bfloat16 and result.partition(": ")[2] in MAPS
        assert error <= (BFLOAT16 if rounded else BOUNDS[maps]), result


@needs_triton
@pytest.mark.parametrize(("size", "kind", "maps"), CASES)
def test_the_kernels_are_the_formulas(interpreter, size, kind, maps):
    within_bounds(interpreter.submit(triton_errors, torch.device("cpu"), size, kind, maps).result(), maps)


@pytest.mark.gpu
@needs_triton
@pytest.mark.parametrize(("size", "kind", "maps"), CASES)
def test_the_compiled_kernels_are_the_formulas(gpu, size, kind, maps):
    if gpu.type == "cpu":
        pytest.skip("the kernels are interpreted on a CPU, in the test above")
    within_bounds(triton_errors(gpu, size, kind, maps), maps)


@pytest.mark.gpu
@needs_triton
def test_the_compiled_kernels_repeat_their_bits(gpu):
    if gpu.type == "cpu":
        pytest.skip("the kernels are compiled for CUDA only")
    given = arguments((16, 15, 20), "usual", torch.float32)["backward"]
    z, gp, gamma, beta, stats = given
    tensors = (*(t.to(gpu) for t in (z, gp, gamma, beta)), tuple(t.to(gpu) for t in stats))
    first, *others = (triton_blocks(torch.float32).backward(*tensors) for _ in range(5))
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))


@needs_triton
@pytest.mark.parametrize("maps", ["fp32", "bf16", "fp64"])
@pytest.mark.parametrize("name", RESULTS)
def test_the_kernels_compile_for_a_gpu_and_fit_into_its_registers(compiler, name, maps):
    """No GPU is needed to compile. 32 x 32 is the largest block."""
    spill = compiler(name, maps, 32)
    assert spill == 0 or (name == "backward_tangent" and maps == "fp64")


@needs_triton
def test_statistics_lose_no_digits(interpreter):
    """Maps of 1000 +- 1: the mean of squares minus the square of the mean would have no digit left."""
    z = 1000 + torch.randn(2, 33, 32, 3, generator=stream(0, "offset"))
    _, mean, rstd = interpreter.submit(forward_of, z, torch.ones(3), torch.zeros(3)).result()
    exact = z.double()
    torch.testing.assert_close(mean.double(), exact.mean((1, 2)), rtol=2e-7, atol=0)
    torch.testing.assert_close(rstd.double(), (exact.var((1, 2), correction=0) + 1e-5).rsqrt(), rtol=5e-6, atol=0)


@needs_triton
@pytest.mark.parametrize("lost", [float("nan"), float("inf"), 1e30])
def test_lost_numbers_stay_lost(interpreter, lost):
    """A ReLU written as max(0, a) turns NaN into 0, and 1 / sqrt of a variance that overflowed is 0."""
    z = torch.randn(2, 6, 5, 3, generator=stream(0, "lost"))
    z[1, 2, 2, 1] = lost
    p, _, rstd = interpreter.submit(forward_of, z, torch.ones(3), torch.zeros(3)).result()
    assert p[1, :, :, 1].isnan().all() and rstd[1, 1].isnan()
    assert p[0].isfinite().all() and p[1, :, :, 0].isfinite().all()


def not_contiguous(map: torch.Tensor) -> torch.Tensor:
    return map.transpose(1, 2)


def too_few(map: torch.Tensor) -> torch.Tensor:
    return map[:2]


@needs_triton
@pytest.mark.parametrize("change", [not_contiguous, too_few, torch.Tensor.double])
def test_tensors_that_a_kernel_would_read_wrongly_are_refused(interpreter, change):
    assert "kernel 'forward_tangent': map must be 216 numbers" in interpreter.submit(refused, change).result()


# The choice


class Called:
    """The formulas, uncompiled, which record their calls. `fault` replaces the results of all functions."""

    def __init__(self, fault: Callable[..., object] | None = None) -> None:
        self.calls: list[str] = []
        formulas = FormulaBlocks(fuse=False)
        for name in RESULTS:
            setattr(self, name, partial(self._call, name, fault or getattr(formulas, name)))

    def stacked(self, networks: int) -> None:
        return None

    def _call(self, name: str, function: Callable[..., object], *given: object) -> object:
        self.calls.append(name)
        return function(*given)


@pytest.fixture
def seconds(monkeypatch) -> dict[str, float]:
    """The measured seconds of the formulas and the kernels, in the place of a clock. Kernels are measured first."""
    times = {"kernels": 1.0, "formulas": 2.0}
    order: list[str] = []

    def clock(work: Callable[[], object]) -> float:
        work()
        order.append("kernels" if len(order) % 2 == 0 else "formulas")
        return times[order[-1]]

    monkeypatch.setattr(measured, "device_seconds", clock)
    slower._warn_once.cache_clear()
    return times


def run(blocks: MeasuredBlocks, size: tuple[int, int, int] = (5, 7, 3)) -> None:
    for name, given in arguments(size, "usual", torch.float32).items():
        getattr(blocks, name)(*given)


@pytest.mark.parametrize("faster", ["kernels", "formulas"])
def test_the_faster_one_is_kept_for_each_kind_of_map(seconds, faster):
    seconds[faster] = 0.5
    both = {"formulas": Called(), "kernels": Called()}
    blocks = MeasuredBlocks(both["formulas"], both["kernels"], lambda z: True)
    for size in ((5, 7, 3), (4, 4, 2)):
        run(blocks, size)
        for called in both.values():
            called.calls.clear()
        run(blocks, size)
        other = both["formulas" if faster == "kernels" else "kernels"]
        assert both[faster].calls == list(RESULTS) and other.calls == []


@pytest.mark.parametrize("faster", ["kernels", "formulas"])
def test_the_results_are_those_of_the_formulas(seconds, faster):
    seconds[faster] = 0.5
    blocks = MeasuredBlocks(FormulaBlocks(fuse=False), Called(), lambda z: True)
    for _ in range(2):  # while it is measured, and afterwards
        assert max(errors(blocks, torch.device("cpu"), (5, 7, 3), "usual", torch.float64).values()) < 1e-14


def broken(*given: object) -> None:
    raise RuntimeError("ptxas is missing\nand much more")


def wrong(z: torch.Tensor, *rest: object) -> object:
    return torch.zeros(3, 2, 3, 3), (torch.zeros(3, 3), torch.zeros(3, 3))


@pytest.mark.parametrize(
    ("fault", "why"), [(broken, "ptxas is missing"), (wrong, "it computes other numbers than the formulas")]
)
def test_kernels_that_fail_are_one_warning_and_never_tried_again(seconds, fault, why):
    kernels, formulas = Called(fault), Called()
    blocks = MeasuredBlocks(formulas, kernels, lambda z: True)
    with pytest.warns(RuntimeWarning) as caught:
        run(blocks)
        run(blocks, (4, 4, 2))
    line = f"a Triton kernel failed ({why}); compiled formulas run instead, which is slower"
    assert [str(warning.message) for warning in caught] == [line]
    assert kernels.calls == ["forward"]
    assert max(errors(blocks, torch.device("cpu"), (4, 4, 2), "usual", torch.float64).values()) < 1e-14


def test_short_memory_is_no_fault_of_the_kernels(seconds):
    def short(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        run(MeasuredBlocks(Called(), Called(short), lambda z: True))


def test_maps_that_do_not_fit_and_captures_use_the_formulas(seconds, monkeypatch):
    formulas, kernels, large = Called(), Called(), []
    blocks = MeasuredBlocks(formulas, kernels, lambda z: not large)
    large.append("a map")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(blocks)
    assert kernels.calls == [] and formulas.calls == list(RESULTS)
    large.clear()
    monkeypatch.setattr(measured, "capturing", lambda z: True)
    run(blocks, (4, 4, 2))
    assert kernels.calls == []
    monkeypatch.undo()
    monkeypatch.setattr(measured, "device_seconds", lambda work: float(len(kernels.calls)))
    run(blocks, (4, 4, 2))
    assert kernels.calls, "a capture decides nothing"


@pytest.fixture
def on_cuda() -> Iterator[Callable[[], ConvNetStep]]:
    """The step that a ConvNet gets on CUDA."""
    net = FlatNet(parse_net("convnet(depth=2, width=4)"), (1, 8, 8), 3)
    choose._step.cache_clear()
    yield lambda: choose._step(net, "cuda", torch.float32, False)
    choose._step.cache_clear()


def blocks_of(step: ConvNetStep) -> object:
    return step._passes._kernels


@needs_triton
def test_on_cuda_both_are_measured(on_cuda):
    assert isinstance(blocks_of(on_cuda()), MeasuredBlocks)


def test_without_triton_cuda_has_compiled_formulas(on_cuda, monkeypatch):
    monkeypatch.setattr(choose, "find_spec", lambda name: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(blocks_of(on_cuda()), FormulaBlocks)


def test_a_triton_that_cannot_be_imported_is_one_warning(on_cuda, monkeypatch):
    monkeypatch.setattr(choose, "find_spec", lambda name: "somewhere")
    monkeypatch.setitem(sys.modules, "ddkit.steps.triton_blocks", None)
    slower._warn_once.cache_clear()
    with pytest.warns(RuntimeWarning, match=r"Triton cannot be imported \(.*\); compiled formulas run instead"):
        assert isinstance(blocks_of(on_cuda()), FormulaBlocks)


CPU = """
import sys, torch
from ddkit.nets import FlatNet, parse_net
from ddkit.steps import step_for
net = FlatNet(parse_net("convnet(depth=2, width=4)"), (1, 8, 8), 3)
theta, x, y = torch.zeros(net.parameters), torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.long)
step_for(net, theta).gradient(theta, x, y)
print([name for name in sys.modules if name.startswith("triton")])
"""


def test_a_step_on_a_cpu_imports_no_triton():
    done = subprocess.run([sys.executable, "-c", CPU], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["[]"]
