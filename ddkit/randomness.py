"""Explicit random streams: every draw in ddkit uses a generator made here, never the global one."""

from __future__ import annotations

import hashlib

import torch


def stream(seed: int, *path: str | int) -> torch.Generator:
    """Return a CPU generator for one named purpose, independent of every other purpose with the same seed.

    The generator's own seed is a digest of `seed` and `path`, so a new purpose never changes the draws of another one:
    ``stream(0, "expert", 3)`` is the same whether or not experts 0 to 2 were trained before it.
    Generators are on the CPU, so that draws are the same for every device.
    """
    key = "/".join(str(part) for part in (seed, *path))
    digest = hashlib.sha256(key.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def restored(state: torch.Tensor) -> torch.Generator:
    """Return a CPU generator that continues from another generator's `get_state`. The state may be on any device."""
    generator = torch.Generator()
    generator.set_state(state.cpu())
    return generator
