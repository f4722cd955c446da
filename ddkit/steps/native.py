"""Compile the kernels in C with the system's compiler, keep the library, and call it on torch tensors.

Two seconds once for each precision; the library lies under home()/kernels, named by a digest of the sources, the
compiler, its flags and the processor, so that a home folder shared between machines is safe.
"""

import ctypes
import functools
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddkit.errors import DataError
from ddkit.home import home
from ddkit.run import atomic_write

HEADER, *SOURCES = (Path(__file__).with_name(name) for name in ("maps.h", "blocks.c", "convolutions.c"))
MAPS = {torch.float32: "f32", torch.float64: "f64", torch.bfloat16: "bf16"}
# No -ffast-math: it changes how the whole process treats subnormal numbers, and NaN must stay NaN.
COMMON = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC")
FLAGS = (("-march=native", "-fopenmp"), ("-mcpu=native", "-fopenmp"), ("-march=native",), ("-mcpu=native",), ())
"""Tried in this order. Without OpenMP the kernels run on one thread."""

PATIENCE = 120
"""Seconds that a compiler may take."""

_POINTER = ctypes.c_void_p
TAKES: dict[str, list[Any]] = {
    "forward": [_POINTER] * 6,
    "backward": [_POINTER] * 8,
    "forward_tangent": [_POINTER] * 11,
    "backward_tangent": [_POINTER] * 14,
    "convolve": [*[ctypes.c_int] * 4, *[_POINTER] * 3],
    "convolve_few": [*[ctypes.c_int] * 3, *[_POINTER] * 3],
    "pull_weight": [*[ctypes.c_int] * 4, *[_POINTER] * 3],
}
"""The kernels and what each takes after the shape."""


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("batch", "height", "width", "channels", "threads")]


class Kernels:
    """The functions in C for one type of map; tensors are contiguous and channels last, [B, H, W, C]."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._functions = {name: getattr(library, name) for name in TAKES}
        for name, kinds in TAKES.items():
            self._functions[name].argtypes = [_Shape, *kinds]
            self._functions[name].restype = None

    def __call__(self, name: str, like: Tensor, *arguments: Tensor | int) -> None:
        """Run kernel `name` on maps shaped as `like`; the arguments are those in C, in their order."""
        shape = _Shape(*like.shape, torch.get_num_threads())
        numbers = [a if isinstance(a, int) else a.data_ptr() for a in arguments]
        self._functions[name](shape, *numbers)


def native_state() -> str:
    """One line for a bug report: whether there are compiled kernels, and whose they are."""
    try:
        _library(torch.float32)
        return f"compiled by {shlex.join(_compiler())}"
    except (OSError, subprocess.SubprocessError) as error:
        return f"none, autograd is used ({str(error).splitlines()[0]})"


@functools.cache
def kernels(dtype: torch.dtype) -> Kernels | None:
    """The compiled kernels for maps of `dtype`, or None, with one warning, where they cannot be had."""
    try:
        return Kernels(_library(dtype))
    except (OSError, subprocess.SubprocessError) as error:
        _warn_once(str(error).splitlines()[0])
        return None


@functools.cache
def _warn_once(why: str) -> None:
    warnings.warn(
        f"the fused CPU kernels could not be compiled ({why}); ordinary autograd is used, which is several times "
        "slower. Install a C compiler (gcc or clang), or name one in the environment variable CC",
        RuntimeWarning,
        stacklevel=2,
    )


def _library(dtype: torch.dtype) -> ctypes.CDLL:
    compiler = _compiler()
    version = _run([*compiler, "--version"]).stdout
    texts = [source.read_text() for source in (HEADER, *SOURCES)]
    identity = "\n".join((*texts, version, repr((COMMON, FLAGS)), _processor(), MAPS[dtype]))
    kept = home() / "kernels" / f"kernels-{MAPS[dtype]}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.so"
    return _load(kept) or _compile(compiler, MAPS[dtype], kept)


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE)


def _compiler() -> list[str]:
    """The command; CC may name one with arguments, as `ccache gcc`."""
    try:
        named = shlex.split(os.environ.get("CC", ""))
    except ValueError as error:  # a quotation mark without its partner
        raise OSError(f"the environment variable CC is no command: {error}") from None
    if named:
        return named
    compiler = next((found for name in ("gcc", "clang", "cc") if (found := shutil.which(name))), None)
    if compiler is None:
        raise OSError("no C compiler was found")
    return [compiler]


def _compile(compiler: list[str], map_type: str, keep: Path) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        built, problems = Path(folder) / "kernels.so", ""
        for flags in FLAGS:
            # Compiled and linked apart, so that no OpenMP library is bound: torch has loaded its own, and a second
            # pool of threads would fight with it for the cores.
            objects = [f"{folder}/{source.stem}.o" for source in SOURCES]
            commands = [
                [*compiler, *COMMON, *flags, f"-DMAP_{map_type}", "-c", str(source), "-o", made]
                for source, made in zip(SOURCES, objects, strict=True)
            ]
            commands.append([*compiler, "-shared", *objects, "-o", str(built), "-lm"])
            runs = [_run(command) for command in commands]
            if (library := _load(built)) is not None:
                with suppress(DataError), atomic_write(keep) as temporary:  # a home that is full or read-only will do
                    shutil.copyfile(built, temporary)
                return library
            problems = problems or "".join(run.stderr for run in runs).strip()
    raise OSError(
        f"{shlex.join(compiler)}: {problems.splitlines()[0] if problems else 'what it made cannot be loaded'}"
    )


def _load(path: Path) -> ctypes.CDLL | None:
    """The library, or None where it cannot be loaded or is not ours."""
    _share_openmp()
    try:
        library = ctypes.CDLL(str(path))
        return library if all(hasattr(library, name) for name in TAKES) else None
    except OSError:
        return None


@functools.cache
def _share_openmp() -> None:
    """Make the symbols of the OpenMP library that torch has loaded visible to libraries loaded later."""
    maps = Path("/proc/self/maps")
    lines = [line.split(maxsplit=5) for line in maps.read_text().splitlines()] if maps.exists() else []
    files = {Path(line[5]) for line in lines if len(line) == 6}  # a path may hold blanks
    found = {file for file in files if re.match(r"lib(gomp|iomp5|omp)\b.*\.so", file.name)}
    for library in sorted(found, key=lambda file: "torch" not in file.parts)[:1]:
        with suppress(OSError):
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def _processor() -> str:
    """What -march=native looks at, as far as the system says it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    told = [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return "\n".join((platform.machine(), platform.processor(), *sorted(set(told))))
