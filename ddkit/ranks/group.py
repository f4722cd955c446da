"""A rank of a process group of `torch.distributed`: NCCL on CUDA, gloo on a CPU."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from ddkit.errors import RankError
from ddkit.ranks.lifeline import Lifeline, Loss
from ddkit.ranks.ranks import Ranks

Result = TypeVar("Result")

PATIENCE = 3.0
"""Seconds after a failed operation in which the lifeline can name the lost rank."""

ENDED = 6
"""The exit code if a rank was killed or crashed, so that it sent no exit code."""


@dataclass(frozen=True)
class Group(Ranks):
    """One of several connected ranks. `where` is its device."""

    where: torch.device = field(kw_only=True)
    lifeline: Lifeline = field(kw_only=True)

    @property
    def device(self) -> torch.device:
        return self.where

    def sum(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        import torch.distributed as dist

        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        self._together(lambda: dist.all_reduce(flat))
        parts = flat.split([tensor.numel() for tensor in tensors])
        return tuple(part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True))

    def send(self, message: bytes) -> None:
        self._broadcast(torch.tensor([len(message)]))
        if message:
            self._broadcast(torch.frombuffer(bytearray(message), dtype=torch.uint8))

    def receive(self) -> bytes:
        size = int(self._broadcast(torch.zeros(1, dtype=torch.int64)))
        return self._broadcast(torch.zeros(size, dtype=torch.uint8)).numpy().tobytes() if size else b""

    def leave(self) -> None:
        import torch.distributed as dist

        if dist.is_initialized():
            self.lifeline.end(0)
            dist.destroy_process_group()

    def _broadcast(self, tensor: Tensor) -> Tensor:
        """Send a tensor on the CPU from rank 0 to all others."""
        import torch.distributed as dist

        def broadcast() -> None:
            work: Any = dist.broadcast(tensor, 0, async_op=True)
            while not work.is_completed():
                time.sleep(0.01)
            work.wait()

        self._together(broadcast)
        return tensor

    def _together(self, act: Callable[[], Result]) -> Result:
        """Do what all ranks do.

        Raises:
            RankError: it failed because a rank has ended.
        """
        try:
            return act()
        except RuntimeError:
            loss = self.lifeline.lost(within=PATIENCE)
            if loss is None:
                raise
            raise ended_by(loss, self.rank) from None


def ended_by(loss: Loss, rank: int) -> RankError:
    """The error of rank `rank` after the loss of another one. Its line is empty, except on the rank that prints."""
    code = ENDED if loss.code is None else loss.code
    if loss.rank == 0:
        prints = loss.code is None and rank == 1  # otherwise rank 0 has printed its own line
    else:
        prints = rank == 0
    return RankError(_line(loss) if prints else "", code)


def _line(loss: Loss) -> str:
    if loss.line:
        return f"rank {loss.rank}: {loss.line}"
    if loss.code is None:
        how = "was killed or has crashed"
    elif loss.code > 128:
        how = f"was ended by signal {loss.code - 128}"
    else:
        how = f"ended with code {loss.code}"
    return f"rank {loss.rank} {how}, so all ranks end; run the same command with --resume to go on"
