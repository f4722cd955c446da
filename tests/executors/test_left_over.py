"""Files and folders of killed processes are removed, and no others."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_units import Count

from ddkit.executors.elsewhere import PREFIX, Elsewhere
from ddkit.executors.left_over import sweep_left_over
from ddkit.executors.shipping import MARK, marked
from ddkit.run import LOCK, is_held, locked


@pytest.fixture
def killed() -> int:
    """The number of a process that has ended."""
    return int(subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_only_what_an_ended_process_of_this_machine_left_is_removed(tmp_path: Path, killed: int) -> None:
    host = socket.gethostname()
    kept = {f"x-{host}-{os.getpid()}-a1", f"x-other-{killed}-a1", f"x-{killed}-a1", f"y-{host}-{killed}-a1"}
    for name in (*kept, f"x-{host}-{killed}-a1"):
        (tmp_path / name).touch()
    (tmp_path / f"x-{host}-{killed}-b_2").mkdir()
    (tmp_path / f"x-{host}-{killed}-b_2" / "file").touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / f"x-{host}-{killed}-link").symlink_to(outside)
    sweep_left_over(tmp_path, "x-")
    assert names(tmp_path) == kept | {"outside"}
    sweep_left_over(tmp_path / "missing", "x-")


def test_what_a_living_process_locks_stays(tmp_path: Path, killed: int) -> None:
    """Its number is another container's: nobody has it here."""
    file, folder = (tmp_path / f"x-{socket.gethostname()}-{killed}-{letter}" for letter in "ab")
    with locked(file, "a file"), locked(folder / LOCK, "a folder"):
        sweep_left_over(tmp_path, "x-")
        assert names(tmp_path) == {file.name, folder.name}
    for path in (file, folder / LOCK):
        path.parent.mkdir(exist_ok=True)
        path.touch()  # as after a kill
    sweep_left_over(tmp_path, "x-")
    assert names(tmp_path) == set()


def test_tokens_and_folders_are_locked_while_they_are_used(tmp_path: Path, home: Path) -> None:
    with marked(tmp_path / "out") as place:
        assert is_held(place.home / place.token) and is_held(place.folder / place.token)
    with marked(home) as place:
        assert place.is_here()
    held: list[bool | None] = []
    unit = Count(tmp_path / "run", end=1)
    Elsewhere(unit, every=0.0).run(None, lambda item: held.append(is_held(next(places()) / LOCK)))
    assert held and all(held)


def places() -> Iterator[Path]:
    """The temporary folders of this process's units."""
    return Path(tempfile.gettempdir()).glob(f"{PREFIX}{socket.gethostname()}-{os.getpid()}-*")


def test_tokens_of_a_killed_command_are_removed(tmp_path: Path, home: Path, killed: int) -> None:
    for root in (home, tmp_path / "out"):
        root.mkdir(exist_ok=True)
        (root / f"{MARK}{socket.gethostname()}-{killed}-00ff").touch()
    with marked(tmp_path / "out") as place:
        assert place.is_here()
        assert names(home) == names(tmp_path / "out") == {place.token}
    assert names(home) == names(tmp_path / "out") == set()


def test_the_folder_of_a_killed_worker_is_removed(tmp_path: Path, killed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}{socket.gethostname()}-{killed}-abc"
    left.mkdir()
    (left / "checkpoint.pt").touch()
    Elsewhere(Count(Path("out"))).run(None, lambda item: None)
    assert names(tmp_path) == set()
