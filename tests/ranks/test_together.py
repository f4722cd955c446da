"""Connected ranks: sums, messages, and the end of all when one ends."""

import os
import signal
import time

import pytest
import torch
import torch.distributed as dist
from together import ends, together

from ddkit.errors import NumericalError, UsageError
from ddkit.ranks import Ranks, joined
from ddkit.ranks.group import Group
from ddkit.ranks.lifeline import Lifeline


def test_a_sum_is_over_all_ranks_and_keeps_shapes() -> None:
    def work(ranks: Ranks) -> list[torch.Tensor]:
        own = torch.full((2, 3), float(ranks.rank + 1)), torch.tensor(10.0 * ranks.rank), torch.zeros(0)
        return list(ranks.sum(*own))

    for whole, number, nothing in together(work, 3):
        assert torch.equal(whole, torch.full((2, 3), 6.0))
        assert number.shape == () and number == 30 and nothing.shape == (0,)


def test_messages_of_the_leader_arrive_in_order() -> None:
    def work(ranks: Ranks) -> list[str]:
        if ranks.leads:
            for message in (b"one", b"", bytes(100_000)):
                ranks.send(message)
            return []
        return [str(len(ranks.receive())) for _ in range(3)]

    assert together(work, 3) == [[], ["3", "0", "100000"], ["3", "0", "100000"]]


def wait_in_a_sum(ranks: Ranks) -> None:
    while True:
        ranks.sum(torch.ones(1))


def wait_for_a_message(ranks: Ranks) -> None:
    ranks.receive()


def wait_alone(ranks: Ranks) -> None:
    time.sleep(60)  # as while experts are trained: no operation of the group can fail


@pytest.mark.parametrize("wait", [wait_in_a_sum, wait_alone])
@pytest.mark.parametrize("killed", [0, 1, 2])
def test_all_end_soon_after_one_was_killed_and_one_says_so(killed: int, wait) -> None:
    def work(ranks: Ranks) -> None:
        if ranks.rank == killed:
            time.sleep(0.3)
            os.kill(os.getpid(), signal.SIGKILL)
        wait(ranks)

    ended = ends(work, 3, within=10)
    lines = {end.rank: end.line for end in ended if end.line}
    speaker = 1 if killed == 0 else 0
    expected = f"rank {killed} was killed or has crashed, so all ranks end; run the same command with --resume to go on"
    assert lines == {speaker: expected}
    assert [end.code for end in ended] == [-9 if rank == killed else 6 for rank in range(3)]


def test_the_error_of_a_rank_is_the_error_of_rank_0() -> None:
    def work(ranks: Ranks) -> None:
        if ranks.rank == 1:
            raise NumericalError("the disk is full of nan")
        wait_in_a_sum(ranks)

    first, second, third = ends(work, 3, within=10)
    assert (first.line, first.code) == ("rank 1: the disk is full of nan", 4)
    assert (second.line, second.code) == ("the disk is full of nan", 4)  # the command line of rank 1 prints nothing
    assert (third.line, third.code) == ("", 4)


def test_an_error_of_rank_0_ends_those_who_wait_for_its_message() -> None:
    def work(ranks: Ranks) -> None:
        if ranks.leads:
            raise UsageError("no such recipe")
        wait_for_a_message(ranks)

    first, second = ends(work, 2, within=10)
    assert (first.line, first.code, second.line, second.code) == ("no such recipe", 2, "", 2)


def test_a_rank_that_is_done_may_leave_before_the_others() -> None:
    def work(ranks: Ranks) -> str:
        ranks.leave()
        if ranks.leads:
            time.sleep(1)
        return "done"

    assert together(work, 2) == ["done", "done"]


@pytest.mark.parametrize("device", ["cuda:1", "gpu"])
def test_a_device_of_one_gpu_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="must be auto, cuda or cpu under torchrun"), joined(device):
        pass


def test_more_ranks_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with (
        pytest.raises(UsageError, match=r"2 processes here, and this machine has 1 GPUs.*--nproc-per-node 1"),
        joined("cuda"),
    ):
        pass


@pytest.mark.gpu
def test_a_group_of_one_gpu_adds_by_nccl_and_sends_by_gloo(gpu: torch.device) -> None:
    backend = "cpu:gloo,cuda:nccl" if gpu.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    ranks = Group(0, 1, where=gpu, lifeline=Lifeline({}, lambda loss: "", lambda loss: 1))
    own = torch.ones(3, device=gpu, dtype=torch.float64), torch.tensor(2.0, device=gpu, dtype=torch.float64)
    first, second = ranks.sum(*own)
    ranks.send(b"a message")
    ranks.leave()
    assert torch.equal(first, own[0]) and torch.equal(second, own[1])
