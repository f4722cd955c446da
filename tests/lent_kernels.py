"""Compiles the kernels once for a whole test session.

`conftest.py` puts `compile_once` in the place of the function that compiles. The first process that needs a library
compiles it into the shared folder; every other process and every other home gets a copy.
"""

import ctypes
import os
import shutil
from pathlib import Path

import torch
from shared_folder import one_at_a_time

from ddkit.steps import native
from ddkit.steps.trust import private_folder

LENDER = "DDKIT_TEST_KERNELS"
"""The environment variable with the folder of the libraries; `conftest.py` sets it."""

really_compile = native._compile


def compile_once(compiler: list[str], map_type: str, keep: Path | None) -> ctypes.CDLL:
    """Compile the library, or copy it to `keep` if a process of this session has compiled it."""
    if keep is None:
        return really_compile(compiler, map_type, keep)
    lender = Path(os.environ[LENDER])
    library = lender / keep.name  # the name has a digest of sources, compiler and flags
    with one_at_a_time(lender):
        if not library.exists():
            really_compile(compiler, map_type, library)
    native._keep(library, keep)
    loaded = native._load(library)  # not `keep`: the loader would take a later file of that name for the same library
    assert loaded is not None
    return loaded


def lend_kernels(home: Path) -> None:
    """Put the kernels for float32 into the home of another process. Outside of a test session it compiles its own."""
    if LENDER not in os.environ or (home / "kernels").exists() or native.kernels(torch.float32) is None:
        return
    home.mkdir(parents=True, exist_ok=True)
    assert private_folder(home / "kernels")
    for library in Path(os.environ[LENDER]).glob("kernels-f32-*.so"):
        shutil.copy(library, home / "kernels")
