"""The compiled kernels, made once for a whole test session and copied into the homes of jobs in other processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LENDER = "DDKIT_TEST_KERNELS"
"""The environment variable that names the home from which kernels are copied; `conftest.py` sets it."""


def lend_kernels(home: Path) -> None:
    """Put the kernels into a home that has none; outside of a test session a job compiles its own."""
    if LENDER not in os.environ or (home / "kernels").exists():
        return
    lender = Path(os.environ[LENDER])
    if not (lender / "kernels").exists():
        compile_kernels(lender)
    if (lender / "kernels").exists():  # else there is no compiler
        shutil.copytree(lender / "kernels", home / "kernels")


def compile_kernels(home: Path) -> None:
    """Compile the kernels into a home, in a process of its own."""
    script = "import torch\nfrom ddkit.steps.native import kernels\nkernels(torch.float32)"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DDKIT_HOME": str(home), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=240)
