"""Units on one GPU: pure arithmetic, and what `local` and Ray make of it. No GPU is needed."""

from types import SimpleNamespace

import pytest
import torch

from ddkit.executors import Needs, local, on_ray
from ddkit.executors.local import LocalExecutor
from ddkit.executors.room import PROCESS, TOGETHER, fit, together

CUDA = torch.device("cuda", 0)
GIB = 2**30


@pytest.mark.parametrize(("memory", "shared"), [(1, 0), (GIB, 0), (3 * GIB, GIB), (50 * GIB, 20 * GIB)])
@pytest.mark.parametrize("size", [GIB, 10 * GIB, 80 * GIB])
def test_as_many_fit_as_do_not_exceed_the_memory(memory: int, shared: int, size: int) -> None:
    needs = Needs(CUDA, memory, shared)
    count = fit(needs, size)
    each = memory + shared + PROCESS
    assert count * each <= size or count == 1
    assert (count + 1) * each > size
    assert together(needs, size) == min(TOGETHER, count)


def test_units_of_unknown_memory_have_a_gpu_each() -> None:
    assert together(Needs(CUDA), 80 * GIB) == 1


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """As if this machine had GPUs with 10 GiB of free memory; the list holds their number."""
    count = [2]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count[0])
    monkeypatch.setattr(local, "free_memory", lambda device: 10 * GIB)
    return count


def test_local_puts_units_on_one_gpu_together_where_they_fit(gpus: list[int]) -> None:
    small, large, unknown = Needs(CUDA, GIB), Needs(CUDA, 6 * GIB), Needs(CUDA)
    assert [LocalExecutor().at_once(one) for one in (small, large, unknown)] == [2 * TOGETHER, 2, 2]
    assert [LocalExecutor(8).at_once(one) for one in (small, large, unknown)] == [8, 2, 8]
    gpus[0] = 1  # a second process on the only GPU is started only for --workers
    assert [LocalExecutor().at_once(one) for one in (small, large, unknown)] == [1, 1, 1]
    assert [LocalExecutor(8).at_once(one) for one in (small, large, unknown)] == [5, 1, 8]


def test_local_gives_the_reason_for_fewer_than_workers(gpus: list[int]) -> None:
    count, reason = LocalExecutor(8)._at_once(Needs(CUDA, 6 * GIB))
    assert count == 2 and reason == "one needs about 6.4 GB of a GPU's memory, and 10.7 GB are free"


def test_ray_gives_a_share_of_a_gpu_to_units_that_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large, unknown = Needs(CUDA, GIB), Needs(CUDA, 6 * GIB), Needs(CUDA)
    assert on_ray._resources(small)["num_gpus"] == 1.0  # the driver has no GPU, so the size of the others is unknown
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=10 * GIB))
    assert [on_ray._resources(one)["num_gpus"] for one in (small, large, unknown)] == [1 / TOGETHER, 1.0, 1.0]
    assert on_ray._resources(small)["memory"] == 0
    cpu = on_ray._resources(Needs(torch.device("cpu"), GIB))
    assert cpu == {"num_cpus": 1, "num_gpus": 0, "memory": GIB}


@pytest.mark.gpu
def test_a_real_gpu_states_its_memory(gpu: torch.device) -> None:
    if gpu.type != "cuda":
        pytest.skip("a rehearsal has no GPU")
    total = torch.cuda.get_device_properties(gpu).total_memory
    assert 0 < LocalExecutor(64).at_once(Needs(gpu, total // 8)) <= 8
