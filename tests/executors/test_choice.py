"""The choice of an executor: by name, by the user's file, by default."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ddkit.errors import UsageError
from ddkit.executors import executor, executor_in_use
from ddkit.executors.local import LocalExecutor


def test_the_default_is_this_machine(home: Path) -> None:
    assert executor_in_use() == LocalExecutor()
    with executor() as chosen:
        assert chosen == LocalExecutor() == executor_in_use()


def test_the_innermost_block_counts(home: Path) -> None:
    with executor("local", 3):
        with executor("local", 2) as inner:
            assert executor_in_use() is inner == LocalExecutor(2)
        assert executor_in_use() == LocalExecutor(3)
    assert executor_in_use() == LocalExecutor()


def test_the_users_file_is_the_default_and_an_argument_wins(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text('[executor]\nname = "local"\nworkers = 3\n')
    with executor() as chosen:
        assert chosen == LocalExecutor(3)
    with executor(workers=2) as chosen:
        assert chosen == LocalExecutor(2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[executor", "is not valid TOML"),
        ("a = " + "[" * 9000, "is nested more than 8 deep"),
        ("[executer]\n", "has an unknown key 'executer'"),
        ("[executor]\nworker = 2\n", "unknown key 'worker'; it may have name and workers"),
        ("[executor]\nworkers = 0\n", "workers an integer of at least 1"),
        ("[executor]\nworkers = true\n", "workers an integer of at least 1"),
        ("executor = 3\n", "must be tables"),
    ],
)
def test_a_wrong_file_is_one_line(home: Path, text: str, line: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(text)
    with pytest.raises(UsageError, match=line) as caught, executor():
        pass
    assert "config.toml" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Ray", "ray:", "dask", "local:3", "slurm:x"])
def test_an_unknown_name_is_one_line(home: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"is unknown; choose local, ray, ray:HOST:PORT, slurm"), executor(name):
        pass


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"name": 3}, "executor: name must be str or None, got int 3"),
        ({"workers": "2"}, "executor: workers must be int or None, got str '2'"),
        ({"workers": 1.5}, "executor: workers must be int or None, got float 1.5"),
        ({"worker": 2}, "executor: has no argument 'worker'"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_block_begins(home: Path, arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError, match=re.escape(line)):
        executor(**arguments)


def test_workers_must_be_positive(home: Path) -> None:
    with pytest.raises(UsageError, match="workers: must be at least 1, got 0"), executor("local", 0):
        pass


def test_ddkit_never_imports_ray_nor_submitit_unasked() -> None:
    script = (
        "import sys, ddkit, ddkit.executors.local, ddkit.cli, ddkit.jobs.compare\n"
        "with ddkit.executors.executor('local'): pass\n"
        "print([name for name in ('ray', 'submitit', 'cloudpickle') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
