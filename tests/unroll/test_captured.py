"""CUDA graphs without a GPU: what is captured is what is replayed, and what happens where a capture fails.

A double stands in for the recording. It runs the work again at each replay, from the tensors that the graph would read.
"""

import gc
import threading
import warnings
import weakref
from contextlib import contextmanager
from typing import ClassVar

import pytest
import torch
from captured_problems import BATCH, OPTIONS, SIDE, agree, arguments, gradients, network, several, without_memory

import ddkit.unroll.adjoint as adjoint_module
import ddkit.unroll.captured as captured_module
import ddkit.unroll.recording as recording
from ddkit.unroll.engines import SOLVERS

FORBIDDEN = "CUDA error: operation not permitted when stream is capturing"
SHORT = "CUDA out of memory. Tried to allocate 2.00 GiB."


@pytest.fixture
def double(fresh, monkeypatch):
    """Replaces engine "adjoint" by `captured`, and a recording by running the work again. Returns the recordings."""
    made = []

    def rerun(work, device):
        made.append(device)
        # on a CPU a fused step works in inference mode, on CUDA never: the results are ordinary tensors there
        results = [None if result is None else result.clone() for result in work()]

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


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("soft", [True, False])
def test_a_replay_reads_every_number_of_its_problem(double, option, soft):
    net = network()
    for seed in range(3):
        problem = arguments(net, seed, option=option, soft=soft)
        agree(gradients(net, "adjoint", **problem), gradients(net, "reference", **without_memory(problem)))
    assert len(double) == 1


@pytest.mark.parametrize(("at_once", "recordings"), [(1, 1), (2, 2), (3, 1)])
@pytest.mark.parametrize("option", ["plain", "momentum", "some kept steps"])
def test_small_students_are_solved_side_by_side(double, monkeypatch, at_once, recordings, option):
    """Three students at once, two and one, or one after another by one graph: the mean of their losses."""
    monkeypatch.setattr(captured_module, "PIXELS", at_once * BATCH * SIDE**2 + 1)
    net = network()
    problem = several(net, 3, option=option)
    for _ in range(2):  # the second time is a replay
        agree(gradients(net, "adjoint", **problem), gradients(net, "reference", **without_memory(problem)))
    assert len(double) == recordings


def test_students_side_by_side_share_the_memory_of_kept_steps(double, monkeypatch):
    kept, works = [], captured_module.adjoint

    def watched(step, problem, memory, backward):
        kept.append(memory)
        return works(step, problem, memory, backward)

    monkeypatch.setattr(captured_module, "adjoint", watched)
    gradients(network(), "adjoint", **several(network(), 3), memory=3000)
    assert set(kept) == {1000}


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


def test_works_side_by_side_have_streams_of_their_own(monkeypatch):
    """They begin after what the caller has queued, and the caller continues after all of them."""
    device, log, made = torch.device("cuda:1"), [], iter(("one", "two"))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream("main", device, log))
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: Stream(next(made), device, log))

    @contextmanager
    def inside(stream):
        assert stream.device == device
        log.append(f"begin {stream.name}")
        yield
        log.append(f"end {stream.name}")

    monkeypatch.setattr(torch.cuda, "stream", inside)
    works = recording.SideBySide([lambda: log.append("first") or 1, lambda: log.append("second") or 2], device)
    for _ in range(2):
        log.clear()
        assert works() == [1, 2]
        assert log == [
            *(("one", "main"), "begin one", "first", "end one"),
            *(("two", "main"), "begin two", "second", "end two"),
            *(("main", "one"), ("main", "two")),
        ]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_work_alone_needs_no_stream(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "Stream", None)
    assert recording.SideBySide([lambda: 1], torch.device(device))() == [1]
