"""Free memory, and the errors that mean that memory is short."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ddkit.errors import with_causes

if TYPE_CHECKING:  # commands that only read texts do not import torch
    import torch


def free_memory(device: "torch.device | None" = None) -> int:
    """Return the bytes of memory that are free on `device`, by default the CPU. A container's limit is respected."""
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    info = Path("/proc/meminfo")
    if not info.exists():  # outside Linux: half of all memory, since the free memory is unknown
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    fields = dict(line.split(":") for line in info.read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.exists() and used.exists() and (most := limit.read_text().strip()) != "max":
        free = min(free, max(0, int(most) - int(used.read_text())))
    return free


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory is short.

    These are errors of Python, PyTorch and CUDA's libraries, and errors with one of them as their cause, for example at
    the end of a CUDA capture.
    """
    kinds = (MemoryError, *((sys.modules["torch"].OutOfMemoryError,) if "torch" in sys.modules else ()))
    texts = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
    return any(isinstance(e, kinds) or any(text in str(e) for text in texts) for e in with_causes(error))
