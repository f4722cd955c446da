"""A lock that the kernel holds: between processes, threads and forks, and that nothing stale survives."""

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from killed_jobs import ROOT, wait_for

from ddkit.errors import DataError, DDKitWarning, InUseError
from ddkit.run import LOCK, lock, locked

HOLD = """
import sys, time
from pathlib import Path
from ddkit.run.lock import locked
with locked(Path(sys.argv[1]), "folder 'x'", shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    exec(sys.argv[3])
"""


def hold(file: Path, how: str = "alone", then: str = "time.sleep(60)") -> subprocess.Popen:
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(file), how, then]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def is_free(file: Path) -> bool:
    try:
        with locked(file, "x"):
            return True
    except InUseError:
        return False


def test_the_holder_is_named_and_a_kill_frees_the_lock(tmp_path):
    file = tmp_path / LOCK
    other = hold(file)
    with pytest.raises(InUseError) as caught, locked(file, "folder 'x'", fix="choose another --out"):
        pass
    line = str(caught.value)
    assert line.startswith(f"folder 'x': is in use by pid {other.pid} on ") and line.endswith("; choose another --out")
    assert "\n" not in line and caught.value.exit_code == 5
    other.kill()
    other.wait()
    assert file.exists()  # the file lies there still, and locks nothing
    with locked(file, "x"):
        assert file.read_text().split("\t")[1] == str(os.getpid())
    assert not list(tmp_path.iterdir())


def test_a_holder_that_has_not_signed_yet_is_named_all_the_same(tmp_path):
    """Between taking the lock and writing its name, a holder can be overtaken by somebody who reads the file."""
    file = tmp_path / LOCK
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    signing = threading.Timer(0.2, os.write, (descriptor, b"elsewhere\t7\tddkit condense\n"))
    signing.start()
    with pytest.raises(InUseError, match="in use by pid 7 on elsewhere \\(ddkit condense\\)"), locked(file, "x"):
        pass
    signing.join()
    os.close(descriptor)


def test_threads_of_one_process_exclude_each_other(tmp_path):
    file, inside, most = tmp_path / LOCK, [], []

    def work() -> None:
        with locked(file, "x", wait=lambda _: None):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 12 and not list(tmp_path.iterdir())


def test_processes_exclude_each_other_though_each_removes_the_file(tmp_path):
    """Four processes count up a number in a file, which loses counts unless they are alone with it."""
    (tmp_path / "count").write_text("0")
    script = """
import sys
from pathlib import Path
from ddkit.run.lock import locked
folder = Path(sys.argv[1])
for _ in range(300):
    with locked(folder / ".lock", "x", wait=lambda _: None):
        (folder / "count").write_text(str(int((folder / "count").read_text()) + 1))
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "1200"
    assert [file.name for file in tmp_path.iterdir()] == ["count"]


def test_who_shares_excludes_only_who_wants_it_alone(tmp_path):
    file = tmp_path / LOCK
    other = hold(file, "shared")
    with locked(file, "x", shared=True):
        assert not is_free(file)
    with pytest.raises(InUseError, match=f"pid {other.pid} on "), locked(file, "x"):
        pass
    other.kill()
    other.wait()
    assert is_free(file) and not file.exists()


def test_of_those_who_shared_only_the_living_are_named(tmp_path):
    file = tmp_path / LOCK
    gone, there = hold(file, "shared"), hold(file, "shared")
    gone.kill()
    gone.wait()
    with pytest.raises(InUseError) as caught, locked(file, "x"):
        pass
    assert f"pid {there.pid} " in str(caught.value) and f"pid {gone.pid} " not in str(caught.value)
    there.kill()
    there.wait()


def test_who_waits_says_so_once_and_then_has_it(tmp_path):
    """The holder releases the lock after the line."""
    file, lines = tmp_path / LOCK, []
    other = hold(file, then="sys.stdin.readline()")

    def wait(line: str) -> None:
        lines.append(line)
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()

    with locked(file, "buffer 'b'", doing="being trained", wait=wait):
        assert other.wait(timeout=60) == 0
    (line,) = lines
    assert line.startswith(f"buffer 'b': is being trained by pid {other.pid} on ") and line.endswith("; waiting")


def test_waiting_can_be_interrupted(tmp_path):
    file = tmp_path / LOCK
    other = hold(file)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        later = threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt), locked(file, "x", wait=lambda _: later.start()):
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    other.kill()
    other.wait()
    assert is_free(file)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
@pytest.mark.parametrize("child", ["os.fork() or time.sleep(60)", "import subprocess as s; s.Popen(['sleep', '60'])"])
def test_a_child_does_not_keep_the_lock_of_a_parent_that_was_killed(tmp_path, child):
    file = tmp_path / LOCK
    other = hold(file, then=f"import os; {child}; print('child', flush=True); time.sleep(60)")
    assert other.stdout is not None and other.stdout.readline() == "child\n"
    children = Path(f"/proc/{other.pid}/task/{other.pid}/children").read_text().split()
    other.kill()
    other.wait()
    try:
        assert children and Path(f"/proc/{children[0]}").exists()
        wait_for(lambda: is_free(file))  # the child may first have to run, to close what it inherited
        assert Path(f"/proc/{children[0]}").exists()
    finally:
        os.kill(int(children[0]), signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
def test_a_forked_child_neither_frees_the_lock_nor_removes_the_file(tmp_path):
    with locked(tmp_path / LOCK, "x"):
        child = multiprocessing.get_context("fork").Process(target=sys.exit)
        child.start()
        child.join()
        assert (tmp_path / LOCK).exists() and not is_free(tmp_path / LOCK)


def test_folders_are_made_and_go_again_where_they_stayed_empty(tmp_path):
    file = tmp_path / "runs" / "one" / LOCK
    with locked(file, "x"):
        assert file.exists()
    assert not list(tmp_path.iterdir())
    with locked(file, "x"):
        (file.parent / "set.h5").touch()
    assert [name.name for name in file.parent.iterdir()] == ["set.h5"]


def test_a_lock_file_that_is_none_is_one_line(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("folder", "link", "folder/below/" + "x" * 300):
        with (
            pytest.raises(DataError, match=r"cannot be locked: (file|it is a folder)") as caught,
            locked(tmp_path / name, "x"),
        ):
            pass
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "elsewhere").exists()
    os.mkfifo(tmp_path / "pipe")
    with locked(tmp_path / "pipe", "x"):  # nobody waits at its end
        pass


def test_what_the_file_says_of_its_holder_is_told_in_one_printable_line(tmp_path):
    file = tmp_path / LOCK
    other = hold(file)
    for text in (b"\xff\x00\x1b[31m\t12\tx\n" * 3, b"", b"a\tb\n", b"h\t" + b"9" * 400 + b"\tx"):
        file.write_bytes(text)
        with pytest.raises(InUseError) as caught, locked(file, "x"):
            pass
        assert str(caught.value).isprintable()
    other.kill()
    other.wait()


def test_where_the_file_system_knows_no_locks_there_is_a_warning(tmp_path, monkeypatch):
    def no_locks(*_: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with (
        pytest.warns(DDKitWarning, match="folder 'x': its file system has no locks"),
        locked(tmp_path / LOCK, "folder 'x'"),
    ):
        pass
    assert not list(tmp_path.iterdir()) and not lock._open


def test_who_shares_a_read_only_folder_needs_no_lock(tmp_path, monkeypatch):
    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", read_only)
    with locked(tmp_path / LOCK, "x", shared=True):
        pass
    with pytest.raises(DataError, match="Read-only"), locked(tmp_path / LOCK, "x"):
        pass


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_folder_that_can_never_be_made_is_one_line(monkeypatch):
    """In /proc making a folder fails as if another had just removed it."""
    monkeypatch.setattr(lock, "TRIES", 3)
    with pytest.raises(DataError, match="cannot be locked"), locked(Path("/proc/foo/.lock"), "folder '/proc/foo'"):
        pass


def test_a_lock_file_of_another_user_locks_all_the_same(tmp_path, monkeypatch):
    """As root we may write any file, so the refusal is played."""
    real = os.open

    def refusing(path, flags, *mode):
        if flags & os.O_RDWR and str(path).endswith(LOCK):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *mode)

    with locked(tmp_path / LOCK, "it", shared=True):
        monkeypatch.setattr(lock.os, "open", refusing)
        with locked(tmp_path / LOCK, "it", shared=True):
            pass
        with pytest.raises(InUseError), locked(tmp_path / LOCK, "it"):
            pass


def test_every_descriptor_is_closed(tmp_path):
    descriptors = Path("/proc/self/fd")
    before = {file.name for file in descriptors.glob("*")}
    for shared in (True, False):
        with locked(tmp_path / LOCK, "x", shared=shared):
            pass
    other = hold(tmp_path / LOCK)
    assert not is_free(tmp_path / LOCK)
    other.kill()
    wait_for(lambda: other.poll() is not None)
    assert other.stdin is not None and other.stdout is not None
    other.stdin.close()
    other.stdout.close()
    assert not lock._open and {file.name for file in descriptors.glob("*")} <= before
