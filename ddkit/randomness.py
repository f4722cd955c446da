"""Explicit random streams: every draw in ddkit comes from a generator made here, never from a global one."""

from __future__ import annotations

import hashlib

import torch


def stream(seed: int, *path: str | int) -> torch.Generator:
    """A CPU generator for one named purpose, independent of every other purpose under the same seed.

    The generator's own seed is a digest of `seed` and `path`, so adding a consumer never shifts another one's draws:
    ``stream(0, "expert", 3)`` is the same whether or not experts 0 to 2 were trained before it.
    Generators live on the CPU on purpose: the same draws then reach every device.
    """
    key = "/".join(str(part) for part in (seed, *path))
    digest = hashlib.sha256(key.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def restored(state: torch.Tensor) -> torch.Generator:
    """A CPU generator that goes on where another one's `get_state` was taken; the state may lie on any device."""
    generator = torch.Generator()
    generator.set_state(state.cpu())
    return generator
