"""Libraries of code: loaded only if they are ours alone; compiled by many at once, and by none who is gone."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from lent_kernels import really_compile

from ddkit.nets import parse_net
from ddkit.steps import native, prepare_step
from ddkit.steps.guarded import PREFIX, STALE, temporary_folder
from ddkit.steps.native import kernels
from ddkit.steps.trust import distrust, private_folder

QUICK = ("-O0", "-fPIC")
"""Flags of the compiler that take a tenth of the time: here nobody runs the kernels for long."""
COMPILE = f"""
import torch
from ddkit.nets import parse_net
from ddkit.steps import native, prepare_step
native.COMMON = {QUICK}
assert native.kernels(torch.float32) is not None
print(native.native_state())
"""


@pytest.fixture
def fresh(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of kernels, where there are none yet."""
    if shutil.which("gcc") is None and shutil.which("clang") is None and shutil.which("cc") is None:
        pytest.skip("no C compiler, so no kernels")
    monkeypatch.setattr(native, "COMMON", QUICK)
    monkeypatch.setattr(native, "_compile", really_compile)
    kernels.cache_clear()
    native._AHEAD.clear()
    native._warn_distrust.cache_clear()
    yield home / "kernels"
    kernels.cache_clear()


def planted(folder: Path) -> Path:
    """The library, compiled, as the only file of the folder."""
    assert kernels(torch.float32) is not None
    (library,) = folder.iterdir()
    kernels.cache_clear()
    return library


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_library_that_others_may_write_is_compiled_anew_with_one_warning(fresh: Path, mode: int) -> None:
    library = planted(fresh)
    before = library.stat().st_ino
    library.chmod(mode)
    with pytest.warns(RuntimeWarning, match="may be written by others; they are compiled again") as caught:
        assert kernels(torch.float32) is not None
    assert len(caught) == 1
    assert library.stat().st_ino != before and distrust(library) is None
    kernels.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernels(torch.float32) is not None


def test_arguments_of_the_compiler_make_another_library(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else CC="gcc -O0" would be ignored once plain gcc has compiled, and gcc would get what gcc -O0 has left."""
    library = planted(fresh)
    monkeypatch.setenv("CC", f"{native._compiler()[0]} -DOTHER")
    assert kernels(torch.float32) is not None
    others = set(fresh.iterdir()) - {library}
    assert len(others) == 1


def test_a_library_is_never_loaded_before_it_is_trusted(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = planted(fresh)
    library.chmod(0o666)
    loaded: list[Path] = []
    original = native._load
    monkeypatch.setattr(native, "_load", lambda path: loaded.append(path) or original(path))
    with pytest.warns(RuntimeWarning, match="may be written by others"):
        kernels(torch.float32)
    assert library not in loaded


def test_links_and_files_of_others_are_refused(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = planted(fresh)
    elsewhere = tmp_path / "elsewhere.so"
    library.rename(elsewhere)
    library.symlink_to(elsewhere)
    with pytest.warns(RuntimeWarning, match="it is a link"):
        assert kernels(torch.float32) is not None
    assert not library.is_symlink()
    theirs = os.geteuid() + 1
    monkeypatch.setattr("ddkit.steps.trust.os.geteuid", lambda: theirs)
    if os.geteuid() == 0 or library.stat().st_uid == 0:
        assert distrust(library) is None  # root's
    else:
        assert distrust(library) == f"belongs to another user ({theirs - 1})"


def test_a_folder_that_is_a_link_is_not_used(fresh: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    fresh.symlink_to(tmp_path / "theirs")
    with pytest.warns(RuntimeWarning, match="it is a link"):
        assert kernels(torch.float32) is not None
    assert not list((tmp_path / "theirs").iterdir())


def test_a_folder_in_a_home_that_everybody_may_write_is_not_used(fresh: Path) -> None:
    """Another could be put in its place between the look at a file and its loading."""
    library = planted(fresh)
    fresh.parent.chmod(0o777)
    native._warn_distrust.cache_clear()
    with pytest.warns(RuntimeWarning, match="lies in a folder that everybody may write"):
        assert kernels(torch.float32) is not None
    fresh.parent.chmod(0o1777)  # with a sticky bit only the owner renames
    assert private_folder(fresh) and library.exists()


def test_a_folder_made_under_a_generous_umask_is_closed_to_others(fresh: Path) -> None:
    library = planted(fresh)
    fresh.chmod(0o777)
    assert private_folder(fresh)
    assert fresh.stat().st_mode & 0o777 == 0o755
    fresh.chmod(0o775)
    before = library.stat().st_ino
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernels(torch.float32) is not None
    assert library.stat().st_ino == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_folder_or_file_of_another_user_is_refused(fresh: Path) -> None:
    library = planted(fresh)
    os.chown(library, 65534, 65534)
    with pytest.warns(RuntimeWarning, match="belongs to another user .65534."):
        assert kernels(torch.float32) is not None
    assert library.stat().st_uid == 0
    os.chown(fresh, 65534, 65534)
    kernels.cache_clear()
    before = library.stat().st_ino
    with pytest.warns(RuntimeWarning, match="belongs to another user"):
        assert kernels(torch.float32) is not None
    assert library.stat().st_ino == before


@pytest.fixture
def compiling(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that have begun to compile. Each needs a while, in which others ask for the kernels."""
    names: list[str] = []

    def compiled(*arguments: Any) -> Any:
        names.append(threading.current_thread().name)
        time.sleep(0.2)
        return really_compile(*arguments)

    monkeypatch.setattr(native, "_compile", compiled)
    return names


def test_kernels_that_were_begun_ahead_are_compiled_once(compiling: list[str]) -> None:
    prepare_step(parse_net("convnet(width=4)"), torch.device("cpu"))
    assert kernels(torch.float32) is not None and kernels(torch.float32) is kernels(torch.float32)
    assert compiling == ["kernels ahead"] and not native._AHEAD
    kernels.cache_clear()
    assert kernels(torch.float32) is not None  # the library that the thread kept
    assert len(compiling) == 1


def test_kernels_that_were_begun_twice_are_compiled_once_and_no_thread_fails(
    compiling: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends early, for example by a wrong name of data, leaves its thread to the next run of the process."""
    failures: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    for _ in range(3):
        prepare_step(parse_net("convnet(width=4)"), torch.device("cpu"))
        time.sleep(0.05)
    assert kernels(torch.float32) is not None
    assert compiling == ["kernels ahead"] and not native._AHEAD and not failures


def test_threads_that_ask_at_once_all_get_the_kernels_that_were_begun(compiling: list[str]) -> None:
    prepare_step(parse_net("convnet(width=4)"), torch.device("cpu"))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(kernels, [torch.float32] * 4))
    assert None not in found and compiling == ["kernels ahead"]


def test_without_a_compiler_kernels_ahead_are_none_with_one_warning(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    native._warn_once.cache_clear()
    with pytest.warns(RuntimeWarning, match="Install a C compiler") as caught:
        prepare_step(parse_net("convnet(width=4)"), torch.device("cpu"))
        assert kernels(torch.float32) is None
    assert len(caught) == 1


@pytest.mark.parametrize("net, device", [("mlp", "cpu"), ("convnet(pool=max)", "cpu"), ("convnet", "cuda")])
def test_nothing_is_compiled_ahead_that_is_not_needed(net: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddkit.steps.choose.kernels_ahead", lambda dtype: pytest.fail("compiled"))
    prepare_step(parse_net(net), torch.device(device))


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "DDKIT_HOME": str(home)}


def test_four_cold_starts_at_once_compile_one_whole_library(home: Path, tmp_path: Path) -> None:
    """Each compiles or finds the kernels, and nothing lies beside them at the end."""
    if not any(map(shutil.which, ("gcc", "clang", "cc"))):
        pytest.skip("no C compiler")
    (tmp_path / "tmp").mkdir()
    surroundings = environment(home) | {"TMPDIR": str(tmp_path / "tmp"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", COMPILE]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, env=surroundings, **pipes) for _ in range(4)]
    outputs = [process.communicate(timeout=240) for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert all(out.startswith("compiled by ") and not errors for out, errors in outputs)
    assert not list((tmp_path / "tmp").iterdir())
    (library,) = (home / "kernels").iterdir()
    assert distrust(library) is None
    assert native._load(library) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_takes_the_compiler_along_and_leaves_no_folder(home: Path, tmp_path: Path, kill: signal.Signals) -> None:
    """The compiler is one that never ends and has a child that never ends either."""
    compiler = tmp_path / "never-ending-cc"
    compiler.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exit 0\necho $$ >> {tmp_path}/pids\n'
        f"sleep 1000 &\necho $! >> {tmp_path}/pids\nwait\n"
    )
    compiler.chmod(0o755)
    command, count = [sys.executable, "-c", COMPILE], 2 * len(native.SOURCES)  # all sources are compiled at once
    process = subprocess.Popen(
        command, env=environment(home) | {"CC": str(compiler)}, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert soon(lambda: (tmp_path / "pids").exists() and len((tmp_path / "pids").read_text().split()) == count, 60)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert all(alive(pid) for pid in pids)
    assert len(list((home / "kernels").glob(f"{PREFIX}*"))) == 1
    process.send_signal(kill)
    process.wait(timeout=30)
    assert soon(lambda: not any(alive(pid) for pid in pids), 30)
    assert soon(lambda: not list((home / "kernels").iterdir()), 30)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def soon(holds, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_what_a_machine_left_that_lost_its_power_is_swept(tmp_path: Path) -> None:
    old, young = tmp_path / f"{PREFIX}old", tmp_path / f"{PREFIX}young"
    for folder in (old, young):
        folder.mkdir()
        (folder / "kernels.o").write_text("half")
    os.utime(old, (time.time() - STALE - 10,) * 2)
    with temporary_folder(tmp_path) as own:
        assert own.parent == tmp_path and own.stat().st_mode & 0o777 == 0o700
        assert sorted(tmp_path.iterdir()) == sorted([own, young])
    assert list(tmp_path.iterdir()) == [young]
