"""Commands that read texts answer without torch, and `show` without what only training needs: the modules that each
command imports, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from ddkit.cli.main import run
for command in sys.argv[1:]:
    try:
        code = run(command.split())
    except SystemExit as left:
        code = left.code
    print("\\n@", code, len(sys.modules), *sorted({name.partition(".")[0] for name in sys.modules}))
"""
HEAVY = {"torch", "sklearn", "kornia", "matplotlib", "torchvision", "torch_geometric", "scipy"}
MOST_MODULES = 450
"""Of a command that reads texts; Python alone has 30 to 60, torch 1,100 more."""


def imported(home: Path, *commands: str, **environment: str) -> tuple[int, set[str]]:
    """How many modules commands import, one after another in one process, and the libraries of these modules."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *commands],
        **{"cwd": ROOT, "env": {**os.environ, "DDKIT_HOME": str(home), **environment}},
        **{"capture_output": True, "text": True, "timeout": 60, "check": True},
    )
    ends = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("@ ")]
    assert [code for code, *_ in ends] == ["0"] * len(commands), done.stderr
    _, count, *names = ends[-1]
    return int(count), set(names)


@pytest.mark.parametrize(
    "command",
    [
        "--version",
        "--help",
        "condense --help",
        "plan --help",
        "evaluate --help",
        "import --help",
        "recipes ls",
        "recipes ls --fits cpu",
        "recipes show ftd-digits-ipc1",
        "sets ls",
        "buffer ls",
        "methods ls",
        "nets ls",
        "data ls",
        "experts ls",
        "protocols ls",
        "cite --help",
    ],
)
def test_a_command_that_reads_texts_needs_no_torch(command: str, tmp_path: Path) -> None:
    count, names = imported(tmp_path, command)
    assert not names & HEAVY and count < MOST_MODULES
    if command.split()[0] in (
        "--help",
        "--version",
        "condense",
        "recipes",
        "methods",
        "nets",
        "data",
        "experts",
        "protocols",
    ):
        assert not names & {"numpy", "h5py"}


def test_show_needs_torch_and_nothing_else_that_is_heavy(tmp_path: Path) -> None:
    shows = ("show digits-ftd-ipc1", "methods show mtt", "methods show mirage", "nets show resnet18")
    _, names = imported(tmp_path, *shows)
    assert names & HEAVY <= {"torch"}


def test_completion_needs_no_torch(tmp_path: Path) -> None:
    count, names = imported(
        tmp_path, "", _DDKIT_COMPLETE="bash_complete", COMP_WORDS="ddkit recipes ls --f", COMP_CWORD="3"
    )
    assert not names & (HEAVY | {"numpy", "h5py"}) and count < MOST_MODULES


def test_import_ddkit_imports_no_library(tmp_path: Path) -> None:
    script = "import sys; before = set(sys.modules); import ddkit; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    found = {name.partition(".")[0] for name in done.stdout.split()}
    assert "ddkit" in found and found <= {"ddkit", *sys.stdlib_module_names}
