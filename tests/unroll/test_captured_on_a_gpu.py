"""CUDA graphs on a GPU: each test states one assumption about CUDA or PyTorch.

Under --rehearse they run on the CPU, with engine adjoint for captured.
"""

import threading

import pytest
import torch
from captured_problems import OPTIONS, agree, arguments, gradients, network, no_slower_way, several, without_memory

import ddkit.unroll.captured as captured_module
from ddkit.randomness import stream
from ddkit.steps import convolution_precision


@pytest.mark.gpu
@pytest.mark.parametrize("norm", ["instance", "batch"])
@pytest.mark.parametrize("option", OPTIONS)
def test_a_captured_graph_is_the_full_gradient(fresh, gpu, captured, norm, option):
    """The fused step (instance norm) and autograd (batch norm) are captured; a replay reads every number anew."""
    net = network(norm)
    with no_slower_way():
        for seed in range(2):
            problem = arguments(net, seed, gpu, option)
            agree(gradients(net, captured, **problem), gradients(net, "reference", **without_memory(problem)))


@pytest.mark.gpu
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_several_students_are_branches_of_one_graph(fresh, gpu, captured, norm):
    """Branches use memory of their own, and the results are read after all of them."""
    net = network(norm)
    problem = several(net, 3, gpu)
    wanted = gradients(net, "reference", **problem)
    with no_slower_way():
        for _ in range(5):
            agree(gradients(net, captured, **problem), wanted)
    assert captured != "captured" or len(captured_module._SOLVERS) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_lower_precisions_are_captured_too(fresh, gpu, captured, precision):
    net = network(width=16)
    with no_slower_way():
        for seed in range(2):
            problem = arguments(net, seed, gpu, dtype=torch.float32)
            (_, low, *_), (_, full, *_) = (
                gradients(net, captured, **problem, precision=name) for name in (precision, "float32")
            )
            assert torch.cosine_similarity(low.flatten(), full.flatten(), dim=0) > 0.9


@pytest.mark.gpu
def test_more_networks_than_kept_graphs(fresh, gpu, captured):
    """A dropped graph gives its memory back, and one that is captured anew is right."""
    nets = [network(width=width) for width in (2, 3, 4, 5, 6)]
    with no_slower_way():
        for net in [*nets, nets[0]]:
            problem = arguments(net, 0, gpu)
            agree(gradients(net, captured, **problem), gradients(net, "reference", **problem))


class AsksForANumber:
    """A weighting that waits for the device, which a capture forbids."""

    def __call__(self, squares):
        return torch.full_like(squares, 1.0 + 0 * float(squares.sum()))


@pytest.mark.gpu
def test_work_that_cannot_be_captured_runs_as_it_is(fresh, gpu, captured):
    """A real failure of a capture leaves PyTorch usable: streams, allocator, and the next capture."""
    net, problem = network(), arguments(network(), 0, gpu)
    wanted = gradients(net, "reference", **problem)
    expected = pytest.warns(RuntimeWarning, match="could not be captured") if gpu.type == "cuda" else no_slower_way()
    with expected:
        agree(gradients(net, captured, **problem, weights=AsksForANumber()), wanted)
    with no_slower_way():
        agree(gradients(net, captured, **problem), wanted)
        agree(gradients(net, captured, **arguments(net, 1, gpu)), gradients(net, "reference", **arguments(net, 1, gpu)))


@pytest.mark.gpu
def test_a_program_that_fails_inside_a_capture(fresh, gpu, captured, monkeypatch):
    """A compiled program that worked in the warm-up fails: the capture is given up, the program is not."""

    def compile(formula, dynamic):
        def program(*tensors):
            if gpu.type == "cuda" and torch.cuda.is_current_stream_capturing():
                raise RuntimeError("the compiler woke up inside a capture")
            return formula(*tensors)

        return program

    monkeypatch.setattr(torch, "compile", compile)
    net, problem = network(), arguments(network(), 0, gpu)
    expected = pytest.warns(RuntimeWarning, match="could not be captured") if gpu.type == "cuda" else no_slower_way()
    with expected as caught:
        agree(gradients(net, captured, **problem), gradients(net, "reference", **problem))
    assert "could not be compiled" not in "".join(str(w.message) for w in caught or [])


@pytest.mark.gpu
def test_a_capture_beside_a_thread_that_uses_the_device(fresh, gpu, captured):
    """Neither disturbs the other."""
    net, problem, stop, rounds = network(), arguments(network(), 0, gpu), threading.Event(), []

    def work():
        while not stop.is_set():
            rounds.append(torch.ones(1000).to(gpu).sum().item())

    other = threading.Thread(target=work)
    other.start()
    try:
        with no_slower_way():
            agree(gradients(net, captured, **problem), gradients(net, "reference", **problem))
        assert other.is_alive() and set(rounds) == {1000.0}
    finally:
        stop.set()
        other.join()


@pytest.mark.gpu
def test_callers_on_several_streams(fresh, gpu, captured):
    """Each replay waits until the last caller's results are copied, on whatever stream that was."""
    net = network()
    problems = [arguments(net, seed, gpu) for seed in range(3)]
    wanted = [gradients(net, "reference", **problem) for problem in problems]
    streams = [torch.cuda.Stream() for _ in range(2)] if gpu.type == "cuda" else []
    found = []
    for turn in range(6):
        if streams:
            streams[turn % 2].wait_stream(torch.cuda.default_stream())
        with torch.cuda.stream(streams[turn % 2]) if streams else no_slower_way():
            found.append(gradients(net, captured, **problems[turn % 3]))
    if streams:
        torch.cuda.synchronize()
    for turn, each in enumerate(found):
        agree(each, wanted[turn % 3])


@pytest.mark.gpu
def test_short_memory_in_a_capture(fresh, gpu, captured):
    """Kept steps that do not fit are given up with a warning, the gradients are right, and the memory comes back."""
    net = network(width=32)
    problem = arguments(net, 0, gpu, steps=60)
    problem["images"] = problem["images"].repeat(1, 400, 1, 1, 1)  # 60 tapes are then far larger than all else
    problem["labels"] = problem["labels"].repeat(1, 400, 1)
    wanted = gradients(net, "adjoint", **problem, memory=0)
    if gpu.type == "cpu":
        agree(gradients(net, captured, **problem, memory=2**30), wanted, 1e-6)
        return
    gradients(net, captured, **problem, memory=0)
    torch.cuda.synchronize()
    needed = torch.cuda.max_memory_reserved()
    captured_module._SOLVERS.clear()
    torch.cuda.empty_cache()
    before, total = torch.cuda.memory_reserved(), torch.cuda.get_device_properties(gpu).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 1.2 * needed / total))
    try:
        with pytest.warns(RuntimeWarning, match="memory is short"):
            agree(gradients(net, captured, **problem, memory=2**40), wanted, 1e-6)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    captured_module._SOLVERS.clear()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() <= before + 2**26


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() == 1, reason="needs a second CUDA device")
def test_the_second_of_two_devices(fresh, gpu, captured):
    """The current device is the first; a graph is captured on that of its tensors."""
    device = torch.device("cuda:1") if gpu.type == "cuda" else gpu
    net = network()
    with no_slower_way():
        for seed in range(2):
            problem = arguments(net, seed, device)
            agree(gradients(net, captured, **problem), gradients(net, "reference", **problem))


@pytest.mark.gpu
@pytest.mark.parametrize("generic", ["ieee", "tf32"])
def test_float32_is_float32_whatever_the_process_says(gpu, generic):
    """A convolution under `convolution_precision`: 1e-6 from float64 in float32, 1e-4 or more in TF32."""
    draw = stream(0, "precision")
    x, w = torch.randn(8, 64, 16, 16, generator=draw), torch.randn(64, 64, 3, 3, generator=draw)
    truth = torch.conv2d(x.double(), w.double())
    before = torch.backends.fp32_precision
    torch.backends.fp32_precision = generic
    try:
        errors = {}
        for precision in ("float32", "tf32"):
            with convolution_precision(gpu, precision):
                found = torch.conv2d(x.to(gpu), w.to(gpu)).double().cpu()
            errors[precision] = float((found - truth).norm() / truth.norm())
    finally:
        torch.backends.fp32_precision = before
    assert errors["float32"] < 1e-5
    assert errors["tf32"] > 1e-4 or gpu.type == "cpu"
