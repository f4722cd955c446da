"""What compiled kernels find around them: the processor, and the OpenMP library of this process."""

import ctypes
import functools
import platform
import re
from contextlib import suppress
from pathlib import Path


@functools.cache
def share_openmp() -> None:
    """Make the symbols of the OpenMP library that torch has loaded visible to libraries loaded later."""
    maps = Path("/proc/self/maps")
    lines = [line.split(maxsplit=5) for line in maps.read_text().splitlines()] if maps.exists() else []
    files = {Path(line[5]) for line in lines if len(line) == 6}  # a path may contain blanks
    found = {file for file in files if re.match(r"lib(gomp|iomp5|omp)\b.*\.so", file.name)}
    for library in sorted(found, key=lambda file: "torch" not in file.parts)[:1]:
        with suppress(OSError):
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def processor() -> str:
    """Return the properties of the processor on which -march=native depends, as far as the system gives them."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    relevant = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return "\n".join((platform.machine(), platform.processor(), *sorted(set(relevant))))


@functools.cache
def has_matrix_units() -> bool:
    """Return whether the processor multiplies bfloat16 matrices by units of their own, Intel's AMX."""
    return "amx_bf16" in processor().split()
