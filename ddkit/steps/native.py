"""Compiles the kernels in C with the system's compiler, stores the library, and calls it on torch tensors.

A stored library is code that runs with the user's rights, so it is loaded only if nobody else could have written it.

Kernels are compiled once for each precision, which needs a few seconds. The library is stored in home()/kernels. Its
name has a digest of the sources, the compiler's command and version, its flags and the processor. Machines may share a
home folder.
"""

import copy
import ctypes
import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import threading
import warnings
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from ddkit.heap import keep_freed_memory
from ddkit.home import home
from ddkit.steps.extents import KERNELS
from ddkit.steps.guarded import run_guarded, temporary_folder
from ddkit.steps.surroundings import processor, share_openmp
from ddkit.steps.trust import distrust, open_to_all, private_folder

HEADERS = tuple(
    Path(__file__).with_name(name) for name in ("maps.h", "passes.h", "vectors.h", "winograd_points.h", "winograd.h")
)
SOURCES = tuple(
    Path(__file__).with_name(name)
    for name in ("blocks.c", "tangents.c", "convolutions.c", "winograd.c", "winograd_weights.c")
)
MAPS = {torch.float32: "f32", torch.float64: "f64", torch.bfloat16: "bf16"}
# No -ffast-math: it changes the treatment of subnormal numbers in the whole process, and NaN must stay NaN.
COMMON = ("-O3", "-fno-math-errno", "-fno-trapping-math", "-fPIC")
FLAGS = (("-march=native", "-fopenmp"), ("-mcpu=native", "-fopenmp"), ("-march=native",), ("-mcpu=native",), ())
"""Tried in this order. Without OpenMP the kernels run on one thread."""

PATIENCE = 120.0
"""Time limit of a compiler in seconds."""


class _Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("batch", "height", "width", "channels", "threads")]


class Kernels:
    """The functions in C for one type of maps. Tensors are contiguous, channels last [B, H, W, C] and on the CPU.

    With `networks`, maps are the images of one network after another, and parameters are [networks, ...]. A function
    runs once for each network, on its part of every tensor.
    """

    networks = 1

    def __init__(self, library: ctypes.CDLL, maps: torch.dtype) -> None:
        self.maps = maps
        self._functions = {name: getattr(library, name) for name in KERNELS}
        for name, kernel in KERNELS.items():
            pointers = [ctypes.c_void_p] * len(kernel.tensors)
            self._functions[name].argtypes = [_Shape, *[ctypes.c_int] * len(kernel.numbers), *pointers]
            self._functions[name].restype = ctypes.c_int if kernel.allocates else None

    def stacked(self, networks: int) -> "Kernels":
        """The same functions for several networks at once."""
        several = copy.copy(self)
        several.networks = networks
        return several

    def total(self, sums: Tensor) -> Tensor:
        """Sum over the first axis; of several networks, whose parts follow each other, to [networks, ...]."""
        return sums.sum(0) if self.networks == 1 else sums.unflatten(0, (self.networks, -1)).sum(1)

    def __call__(self, name: str, like: Tensor, *arguments: Tensor | int) -> None:
        """Run kernel `name` on maps with the shape of `like`. The arguments are those in C, in the same order.

        Raises:
            ValueError: a tensor has another type, size or layout, or is not on the CPU, so that the kernel would access
                wrong memory.
            MemoryError: the kernel could not allocate memory.
        """
        if not like.is_cpu:
            raise ValueError(f"kernel '{name}' runs on the CPU, got maps on {like.device}")
        tensors = KERNELS[name].checked(name, like, arguments, self.maps, self.networks)
        batch, height, width, channels = like.shape
        shape = _Shape(batch // self.networks, height, width, channels, torch.get_num_threads())
        numbers = arguments[: len(arguments) - len(tensors)]
        function = self._functions[name]
        for at in self._addresses(tensors):
            if function(shape, *numbers, *at):
                raise MemoryError(f"the kernel '{name}' could not allocate memory for maps of {list(like.shape)}")

    def _addresses(self, tensors: tuple[Tensor, ...]) -> list[list[int]]:
        """The addresses of each network's parts of the tensors."""
        first = [tensor.data_ptr() for tensor in tensors]
        if self.networks == 1:
            return [first]
        parts = [(at, tensor.nbytes // self.networks) for at, tensor in zip(first, tensors, strict=True)]
        return [[at + i * size for at, size in parts] for i in range(self.networks)]


def native_state() -> str:
    """Return one line for a bug report: whether there are compiled kernels, and by which compiler."""
    try:
        _library(torch.float32)
        return f"compiled by {shlex.join(_compiler())}"
    except (OSError, subprocess.SubprocessError) as error:
        return f"none, autograd is used ({str(error).splitlines()[0]})"


@functools.cache
def kernels(dtype: torch.dtype) -> Kernels | None:
    """Return the compiled kernels for maps of `dtype`, or None with one warning if they cannot be compiled."""
    if (ahead := _AHEAD.get(dtype)) not in (None, threading.current_thread()):
        ahead.join()
        _AHEAD.pop(dtype, None)
        return kernels(dtype)  # the thread has cached its result
    try:
        made = Kernels(_library(dtype), dtype)
    except (OSError, subprocess.SubprocessError) as error:
        _warn_once(str(error).splitlines()[0])
        return None
    keep_freed_memory()
    return made


def kernels_ahead(dtype: torch.dtype) -> None:
    """Begin to load or compile the kernels in the background, while this process does other work.

    `kernels` waits for the end. A second call, before `kernels` was called, begins nothing. If this process ends first,
    the compiler ends too.
    """
    if dtype not in _AHEAD:
        thread = threading.Thread(target=kernels, args=(dtype,), name="kernels ahead", daemon=True)
        _AHEAD[dtype] = thread
        thread.start()


_AHEAD: dict[torch.dtype, threading.Thread] = {}
"""Type of maps -> the thread that loads or compiles the kernels in the background. `kernels` removes it."""


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
    texts = [source.read_text() for source in (*HEADERS, *SOURCES)]
    identity = "\n".join((*texts, version, repr((compiler, COMMON, FLAGS)), processor(), MAPS[dtype]))
    kept = home() / "kernels" / f"kernels-{MAPS[dtype]}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.so"
    keep = private_folder(kept.parent)
    if not keep:
        open_home = "lies in a folder that everybody may write" if open_to_all(home()) else None
        _warn_distrust(kept.parent, distrust(kept.parent) or open_home)
    elif why := distrust(kept):
        _warn_distrust(kept, why)
    elif kept.exists() and (library := _load(kept)) is not None:
        return library
    return _compile(compiler, MAPS[dtype], kept if keep else None)


@functools.cache
def _warn_distrust(path: Path, why: str | None) -> None:
    if why:
        warnings.warn(
            f"compiled kernels are not loaded from '{path}': it {why}; they are compiled again, which takes seconds. "
            "Remove it if it is not yours",
            RuntimeWarning,
            stacklevel=2,
        )


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE)


def _compiler() -> list[str]:
    """Return the compiler's command. CC may give one with arguments, such as `ccache gcc`."""
    try:
        command = shlex.split(os.environ.get("CC", ""))
    except ValueError as error:  # a quotation mark without its partner
        raise OSError(f"the environment variable CC is no command: {error}") from None
    if command:
        return command
    compiler = next((found for name in ("gcc", "clang", "cc") if (found := shutil.which(name))), None)
    if compiler is None:
        raise OSError("no C compiler was found")
    return [compiler]


def _compile(compiler: list[str], map_type: str, keep: Path | None) -> ctypes.CDLL:
    """Compile the library and copy it to `keep`. Several processes may do so at once, each in its own folder."""
    problems = ""
    with temporary_folder(None if keep is None else keep.parent) as folder:
        built = folder / "kernels.so"
        for flags in FLAGS:
            # Compiled and linked separately, so that no OpenMP library is linked. torch has loaded its own, and a
            # second pool of threads would compete with it for the cores.
            objects = [f"{folder}/{source.stem}.o" for source in SOURCES]
            commands = [
                [*compiler, *COMMON, *flags, f"-DMAP_{map_type}", "-c", str(source), "-o", made]
                for source, made in zip(SOURCES, objects, strict=True)
            ]
            link = [*compiler, "-shared", *objects, "-o", str(built), "-lm"]
            output = run_guarded([commands, [link]], folder, PATIENCE * (len(commands) + 1))
            if (library := _load(built)) is not None:
                if keep is not None:
                    with suppress(OSError):  # a full or read-only home is no error
                        _keep(built, keep)
                return library
            problems = problems or output.strip()
    raise OSError(
        f"{shlex.join(compiler)}: {problems.splitlines()[0] if problems else 'the compiled library cannot be loaded'}"
    )


def _keep(built: Path, keep: Path) -> None:
    """Copy the library to `keep` atomically, with permissions that let only the owner write it."""
    with temporary_folder(keep.parent) as folder:
        copy = folder / built.name
        shutil.copyfile(built, copy)
        copy.chmod(0o644)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.replace(keep)


def _load(path: Path) -> ctypes.CDLL | None:
    """Load the library, or return None if it cannot be loaded or lacks a kernel."""
    share_openmp()
    try:
        library = ctypes.CDLL(str(path))
        return library if all(hasattr(library, name) for name in KERNELS) else None
    except OSError:
        return None
