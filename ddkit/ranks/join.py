"""Joins this process to the others that `torchrun` has started."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch

from ddkit.errors import DDKitError, RankError, UsageError
from ddkit.ranks.group import Group, ended_by
from ddkit.ranks.launch import Launch, launched
from ddkit.ranks.lifeline import Lifeline
from ddkit.ranks.meeting import meet
from ddkit.ranks.ranks import ALONE, Ranks

PATIENCE = timedelta(days=30)
"""The timeout of an operation. Rank 0 may train experts for days, so it is long. The lifeline detects dead ranks."""


@contextmanager
def joined(device: str = "auto") -> Iterator[Ranks]:
    """Give this process's rank, within a block. A process that `torchrun` did not start gets `ALONE`.

    An error or a signal in one rank ends all. Rank 0 raises the error of the rank that failed first, as `RankError`.
    On the others a `RankError` has no text, since rank 0 prints the line.

    Args:
        device: "auto", "cuda" or "cpu". With CUDA each rank has the GPU of its local rank, and the group uses NCCL.

    Raises:
        UsageError: the device is one GPU's, or there are fewer GPUs than ranks on this machine.
        RankError: another rank has ended.
    """
    place = launched()
    if place is None:
        yield ALONE
        return
    ranks = _connected(place, _device(device, place))
    try:
        yield ranks
    except BaseException as error:
        loss, code = ranks.lifeline.lost(), _exit_code(error)
        own = not isinstance(error, RankError) and (loss is None or loss.code == code)
        ranks.lifeline.end(code if own or loss is None else ended_by(loss, ranks.rank).exit_code, _text(error))
        if own or loss is None or isinstance(error, RankError):
            raise
        raise ended_by(loss, ranks.rank) from error
    ranks.leave()


def _device(name: str, place: Launch) -> torch.device:
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if name not in ("auto", "cuda"):
        raise UsageError(f"option --device: must be auto, cuda or cpu under torchrun, got {name!r}; leave it out")
    if (found := torch.cuda.device_count()) < place.local_count:
        raise UsageError(
            f"torchrun: starts {place.local_count} processes here, and this machine has {found} GPUs; use "
            f"--nproc-per-node {max(1, found)}, or --device cpu"
        )
    device = torch.device("cuda", place.local_rank)
    torch.cuda.set_device(device)
    return device


def _connected(place: Launch, device: torch.device) -> Group:
    import torch.distributed as dist
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    store: Any = next(iter(rendezvous("env://", timeout=PATIENCE)))[0]
    lifeline = Lifeline(
        meet(store, place),
        last_line=lambda loss: f"ddkit: {line}" if (line := str(ended_by(loss, place.rank))) else "",
        exit_code=lambda loss: ended_by(loss, place.rank).exit_code,
    )
    dist.init_process_group(
        "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl",
        store=PrefixStore("ddkit/group", store),
        rank=place.rank,
        world_size=place.count,
        timeout=PATIENCE,
    )
    return Group(place.rank, place.count, where=device, lifeline=lifeline)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, DDKitError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return 128 + int(getattr(error, "number", 2))
    return 1


def _text(error: BaseException) -> str:
    """The line that rank 0 prints for this error, or "" for a signal."""
    if isinstance(error, DDKitError):
        return str(error)
    return f"{type(error).__name__}: {error}" if isinstance(error, Exception) else ""
