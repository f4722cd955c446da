"""Explicit random streams: every draw in ddkit uses a generator made here, never the global one."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_ONE_AT_A_TIME = threading.RLock()


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


@contextmanager
def global_draws_from(generator: torch.Generator) -> Iterator[None]:
    """A block for foreign code that draws from the global generators of torch, NumPy and Python.

    In the block they have a seed that is drawn from `generator`. After the block they continue as if the block had not
    been there. Another thread waits before its block begins.
    """
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    with _ONE_AT_A_TIME:
        before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
        torch.default_generator.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            torch.set_rng_state(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            random.setstate(before[2])
