"""CUDA graphs: what is captured is what is replayed, and what happens where a capture fails.

Without a GPU a double stands in for the recording: it runs the work again at each replay, from the tensors that the
graph would read. What it cannot show is marked `gpu`: each such test states one assumption about CUDA or PyTorch.
"""

import functools
import gc
import threading
import warnings
import weakref
from contextlib import contextmanager
from typing import ClassVar

import pytest
import torch

import ddkit.unroll.adjoint as adjoint_module
import ddkit.unroll.captured as captured_module
import ddkit.unroll.recording as recording
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.steps import convolution_precision, slower
from ddkit.unroll import Waypoint, largest, matching_loss
from ddkit.unroll.engines import SOLVERS

SIDE, CLASSES, STEPS, BATCH = 8, 3, 4, 3
FORBIDDEN = "CUDA error: operation not permitted when stream is capturing"
SHORT = "CUDA out of memory. Tried to allocate 2.00 GiB."

OPTIONS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nearest": {"match": "nearest"},
    "detached": {"gradient": "detached"},
    "largest": {"weights": largest(0.5)},
    "weights": {"weights": ...},
    "waypoints": {"waypoints": ...},
    "no kept step": {"memory": 0},
    "some kept steps": {"memory": 60_000, "momentum": 0.9, "match": "nearest", "weights": largest(0.75)},
}


@functools.cache  # one network, so that a GPU compiles its step once
def network(norm="instance", width=4):
    return FlatNet(parse_net(f"convnet(depth=2, width={width}, norm={norm})"), (2, SIDE, SIDE), CLASSES)


def arguments(net, seed, device="cpu", option="plain", soft=True, steps=STEPS, dtype=torch.float64):
    """A matching problem of which every number depends on the seed."""
    draw = stream(seed, "captured")

    def random(*shape):
        return torch.randn(*shape, generator=draw, dtype=dtype).to(device)

    start, target = (net.init(draw, dtype).to(device) for _ in range(2))
    labels = random(steps, BATCH, CLASSES).softmax(-1)
    options = dict(OPTIONS[option])
    if "weights" in options and options["weights"] is ...:
        options["weights"] = random(net.parameters).sigmoid()
    if "waypoints" in options:
        options["waypoints"] = [Waypoint(1, start + 0.1 * random(net.parameters)), Waypoint(3, target, 0.5)]
    return {
        "theta_0": start,
        "theta_target": target,
        "images": random(steps, BATCH, 2, SIDE, SIDE),
        "labels": labels if soft else labels.argmax(-1),
        "lr": random(steps).sigmoid() / 10,
        **options,
    }


def gradients(net, engine, images, labels, lr, **options):
    """The loss, and its gradients for images, lr and soft labels."""
    leaves = [images.clone().requires_grad_(), lr.clone().requires_grad_()]
    if labels.is_floating_point():
        labels = labels.clone().requires_grad_()
        leaves.append(labels)
    loss = matching_loss(net, images=leaves[0], labels=labels, lr=leaves[1], engine=engine, **options)
    return loss.detach(), *torch.autograd.grad(loss, leaves)


def agree(found, wanted, tolerance=1e-10):
    for mine, oracle in zip(found, wanted, strict=True):
        assert oracle.norm() > 0
        assert (mine - oracle).norm() <= tolerance * oracle.norm()


@pytest.fixture
def fresh(monkeypatch):
    """No graphs and no warnings of before."""
    monkeypatch.setattr(captured_module, "_SOLVERS", {})
    slower._warn_once.cache_clear()


@pytest.fixture
def double(fresh, monkeypatch):
    """Replaces engine "adjoint" by `captured`, and a recording by running the work again. Returns the recordings."""
    made = []

    def rerun(work, device):
        made.append(device)
        results = work()

        def replay():
            for old, new in zip(results, work(), strict=True):
                if old is not None:
                    old.copy_(new)

        return results, replay

    monkeypatch.setattr(captured_module, "recorded", rerun)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setitem(SOLVERS, "adjoint", captured_module.captured)
    return made


def fail(monkeypatch, error, times=99):
    """The next recordings raise what `error` makes. Returns the list of failures."""
    works, failures = captured_module.recorded, []

    def fails(work, device):
        if len(failures) < times:
            failures.append(device)
            raise error()
        return works(work, device)

    monkeypatch.setattr(captured_module, "recorded", fails)
    return failures


@contextmanager
def no_slower_way():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*which is slower")
        yield


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("soft", [True, False])
def test_a_replay_reads_every_number_of_its_problem(double, option, soft):
    net = network()
    for seed in range(3):
        problem = arguments(net, seed, option=option, soft=soft)
        agree(gradients(net, "adjoint", **problem), gradients(net, "reference", **without_memory(problem)))
    assert len(double) == 1


def without_memory(problem):
    return {key: value for key, value in problem.items() if key != "memory"}


def test_four_graphs_are_kept_and_the_oldest_goes_first(double):
    nets = [network(width=width) for width in (2, 3, 4, 5, 6)]
    for net in [*nets, nets[-1], nets[1], nets[0]]:
        problem = arguments(net, 0)
        agree(gradients(net, "adjoint", **problem), gradients(net, "reference", **problem))
    assert len(double) == 6, "the first was captured twice, all others once"
    assert len(captured_module._SOLVERS) == 4


def test_a_failing_capture_is_one_warning_and_the_same_gradients(double, monkeypatch):
    net, failures = network(), fail(monkeypatch, lambda: RuntimeError(f"{FORBIDDEN}\nCompile with DSA"))
    with pytest.warns(RuntimeWarning) as caught:
        for seed in range(3):
            problem = arguments(net, seed)
            agree(gradients(net, "adjoint", **problem), gradients(net, "reference", **problem))
    what, instead = "the inner loop could not be captured as a CUDA graph", "it runs operation by operation"
    assert [str(w.message) for w in caught] == [f"{what} ({FORBIDDEN}); {instead}, which is slower"]
    assert len(failures) == 1, "it is not tried again"


def short_of_memory():
    """As torch raises it: the error inside the capture, and on top of it that of the capture's end."""
    try:
        torch_memory()
    except RuntimeError:
        try:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
        except RuntimeError as error:
            return error


class Held:
    """Stands for what the failed graph holds in the frames of its error."""

    alive: ClassVar[weakref.WeakSet] = weakref.WeakSet()


def torch_memory():
    held = Held()
    Held.alive.add(held)
    raise torch.OutOfMemoryError(SHORT)


def test_where_memory_is_short_other_graphs_go_and_no_step_is_kept(double, monkeypatch):
    other, net = network(width=3), network()
    gradients(other, "adjoint", **arguments(other, 0))
    fail(monkeypatch, short_of_memory, times=1)
    kept, works = [], captured_module.adjoint

    def watched(step, problem, memory, backward):
        kept.append(memory)
        gc.collect()
        assert not Held.alive, "the failed graph's memory is held while the next one is made"
        return works(step, problem, memory, backward)

    monkeypatch.setattr(captured_module, "adjoint", watched)
    problem = arguments(net, 1)
    with pytest.warns(RuntimeWarning, match="memory is short.; no step is kept"):
        agree(gradients(net, "adjoint", **problem), gradients(net, "reference", **problem))
    assert set(kept) == {0}
    assert [key[0] for key in captured_module._SOLVERS] == [net]


def test_where_memory_stays_short_the_adjoint_runs_as_it_is(double, monkeypatch):
    net = network()
    fail(monkeypatch, short_of_memory)
    problem = arguments(net, 1)
    with pytest.warns(RuntimeWarning, match="operation by operation"):
        agree(gradients(net, "adjoint", **problem), gradients(net, "reference", **problem))


def test_what_is_solved_is_the_callers_own(double):
    """A later replay leaves earlier results as they were."""
    net, first = network(), arguments(network(), 0)
    before = gradients(net, "adjoint", **first)
    kept = [value.clone() for value in before]
    gradients(net, "adjoint", **arguments(net, 1))
    assert all(torch.equal(old, new) for old, new in zip(kept, before, strict=True))


def test_every_rule_and_precision_has_its_own_graph(double):
    net = network()
    for given in ({}, {"momentum": 0.9}, {"match": "nearest"}, {"gradient": "detached"}):
        for precision in ("float32", "bfloat16"):
            problem = arguments(net, 0, dtype=torch.float32) | given
            gradients(net, "adjoint", **problem, precision=precision)
    assert len(double) == 8


@pytest.mark.parametrize("works", [True, False])
@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_a_graph_is_captured_and_the_adjoint_runs_under_the_precision(double, monkeypatch, precision, works):
    seen = []

    @contextmanager
    def watched(device, name):
        seen.append(name)
        yield

    for module in (captured_module, adjoint_module):
        monkeypatch.setattr(module, "convolution_precision", watched)
    if not works:
        fail(monkeypatch, lambda: RuntimeError(FORBIDDEN))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gradients(network(), "adjoint", **arguments(network(), 0, dtype=torch.float32), precision=precision)
    assert seen == [precision] if works else seen == [precision, precision]


def test_threads_do_not_mix_their_problems(double):
    net, found = network(norm="none"), {}
    problems = {seed: arguments(net, seed) for seed in range(8)}
    wanted = {seed: gradients(net, "reference", **problem) for seed, problem in problems.items()}

    def work(seed):
        for _ in range(5):
            found[seed] = gradients(net, "adjoint", **problems[seed])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in problems]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in problems:
        agree(found[seed], wanted[seed])


class FakeCuda:
    """What `recorded` asks of torch.cuda: the current device and stream are two entries of a dictionary."""

    def __init__(self, monkeypatch):
        self.now, self.waits = {"device": 0, "stream": "main"}, []
        for name in ("device", "stream"):
            monkeypatch.setattr(torch.cuda, name, lambda value, name=name: self._inside(name, value))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: self.stream(self.now["stream"]))
        monkeypatch.setattr(torch.cuda, "Stream", lambda: self.stream("aside"))
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        monkeypatch.setattr(torch.cuda, "graph", self._capture)

    def stream(self, name):
        return Stream(name, self.now["device"], self.waits)

    @contextmanager
    def _inside(self, name, value):
        before = self.now[name]
        self.now[name] = value.name if isinstance(value, Stream) else value
        try:
            yield
        finally:
            self.now[name] = before

    @contextmanager
    def _capture(self, graph, stream, capture_error_mode):
        """As torch.cuda.graph: where the end of a capture raises, its stream stays current."""
        assert stream.device == self.now["device"], "the stream of another device records nothing"
        assert capture_error_mode == "thread_local"
        before, self.now["stream"] = self.now["stream"], "capture"
        yield
        self.now["stream"] = before


class Stream:
    def __init__(self, name, device, waits):
        self.name, self.device, self.waits = name, device, waits

    def wait_stream(self, other):
        self.waits.append((self.name, other.name))


class Graph:
    def replay(self):
        pass


def test_work_is_recorded_on_its_own_device_after_a_warm_up_on_another_stream(monkeypatch):
    cuda, seen = FakeCuda(monkeypatch), []
    recording.recorded(lambda: seen.append(tuple(cuda.now.values())), torch.device("cuda:1"))
    device = torch.device("cuda:1")
    assert seen == [(device, "aside")] * recording.WARM_UP + [(device, "capture")]
    assert cuda.now == {"device": 0, "stream": "main"}
    assert cuda.waits == [("aside", "main"), ("main", "aside")]


def test_after_a_failed_recording_the_callers_stream_is_current(monkeypatch):
    cuda = FakeCuda(monkeypatch)

    def work():
        if cuda.now["stream"] == "capture":
            raise RuntimeError(FORBIDDEN)

    with pytest.raises(RuntimeError, match="not permitted"):
        recording.recorded(work, torch.device("cuda"))
    assert cuda.now == {"device": 0, "stream": "main"}


# Assumptions about a GPU. Under --rehearse they run on the CPU with engine adjoint.


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
