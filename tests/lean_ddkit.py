"""`python -m lean_ddkit ...` is `python -m ddkit ...` in a process of a test: it draws nothing, and reads lent digits.

A small run in a fresh process spends most of its time on imports: of matplotlib, and of scikit-learn, which has the
digits and which a gauge imports so that its memory does not count. Everything else is the command's own.
"""

import importlib
import os
from pathlib import Path

import torch
from lent_kernels import LENDER
from shared_folder import one_at_a_time

from ddkit.data import named


def lend_digits() -> None:
    """Store the tensors of `digits` for `lean_ddkit`, in the folder of the session's lent kernels."""
    lender = Path(os.environ[LENDER])
    with one_at_a_time(lender):
        if not (lender / "digits.pt").exists():
            torch.save(named._digits(), lender / "digits.pt")


def main() -> None:
    from ddkit.cli import main as command
    from ddkit.jobs.planning import gauge
    from ddkit.jobs.runs import graphs, images

    gauge.LIBRARIES = ()
    named._digits = lambda: torch.load(Path(os.environ[LENDER]) / "digits.pt", weights_only=True)
    # As the fixture `pictures` does it. conftest.py imports nothing from here: a claim about a GPU depends on it.
    images.gallery = images.curve = graphs.tree_gallery = lambda *_: None
    for job in ("condense", "compare"):  # `ddkit.jobs.condense` is the function
        importlib.import_module(f"ddkit.jobs.{job}").written_at_end = lambda *_: None
    command()


if __name__ == "__main__":
    main()
