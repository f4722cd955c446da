"""How much memory is free, and which errors say that there was too little."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ddkit.errors import with_causes

if TYPE_CHECKING:  # texts are read without torch
    import torch


def free_memory(device: "torch.device | None" = None) -> int:
    """Bytes that a program could still take on `device`, by default the CPU; there, under a cgroup's limit (a
    container), within it."""
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    info = Path("/proc/meminfo")
    if not info.exists():  # no Linux: half of all there is, since what is free is not told
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    fields = dict(line.split(":") for line in info.read_text().splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024
    limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
    if limit.exists() and used.exists() and (most := limit.read_text().strip()) != "max":
        free = min(free, max(0, int(most) - int(used.read_text())))
    return free


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short: PyTorch's own, those of CUDA's libraries, and errors that followed
    one of these, as the end of a CUDA capture does."""
    kinds = (MemoryError, *((sys.modules["torch"].OutOfMemoryError,) if "torch" in sys.modules else ()))
    texts = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
    return any(isinstance(e, kinds) or any(text in str(e) for text in texts) for e in with_causes(error))
