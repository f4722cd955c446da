"""Ctrl-C, SIGTERM and SIGHUP: one line, one exit code, nothing left; whatever stands in the way of the exception."""

import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from killed_jobs import JOBS, ROOT, Job, Place, alive, left_over, start, stop, wait_for
from lent_kernels import lend_kernels

from ddkit.cli.main import run
from ddkit.cli.stopping import farewell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

SIGNALS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated"), signal.SIGHUP: (129, "hung up")}

LONG = Job((*JOBS["ftd"].arguments, "--set", "method.max_start_epoch=3000", "--set", "experts.count=4"), ("--resume",))
"""Its experts take minutes, in processes of their own."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "job")


def in_training(place: Place) -> subprocess.Popen:
    """The long job, with two processes at work."""
    process = start(LONG, place, threads=2)
    wait_for(lambda: len(alive(place)) >= min(3, 1 + len(os.sched_getaffinity(0))), process)
    time.sleep(0.3)
    return process


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_the_midst_of_training_ends_all_with_one_line(place: Place, number: signal.Signals) -> None:
    code, word = SIGNALS[number]
    process = in_training(place)
    found, output = stop(process, number)
    again = shlex.join([*LONG.arguments, "--out", str(place.out), "--resume"])
    assert (found, output.splitlines()[-1]) == (code, f"ddkit: {word}. To resume, run: ddkit {again}")
    assert "Traceback" not in output and not alive(place) and not left_over(place)
    assert (place.out / "recipe.toml").exists()  # it goes on


@pytest.mark.parametrize(
    ("arguments", "begun", "end"),
    [
        (["condense", "--out", "a b"], True, ". To resume, run: ddkit condense --out 'a b' --resume"),
        (["condense", "--out", "a b"], False, ""),
        (["condense", "--resume"], False, ". To resume, run: ddkit condense --resume"),
        (["verify", "mtt-digits-ipc1"], False, ""),
        (["verify", "mtt-digits-ipc1", "--resume"], True, ". To resume, run: ddkit verify mtt-digits-ipc1 --resume"),
        (["compare", "mtt-digits-ipc1"], False, ". To resume, run: ddkit compare mtt-digits-ipc1"),
        (["teachers", "train", "--data", "x"], False, ". To resume, run: ddkit teachers train --data x"),
        (["teachers", "ls"], False, ""),
        (["buffer", "verify"], False, ""),
        (["doctor"], False, ""),
        ([], False, ""),
    ],
)
def test_the_last_line_is_a_command_that_resumes(arguments: list[str], begun: bool, end: str) -> None:
    assert farewell(signal.SIGINT, arguments, begun) == f"ddkit: interrupted{end}"


@pytest.mark.parametrize("stored", [False, True])
def test_a_run_is_resumed_only_if_it_has_stored_something(stored: bool, tmp_path: Path, monkeypatch, capsys) -> None:
    """An interruption while the data loads, and one once the run's folder holds its recipe."""

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    if stored:  # `make` notes the run before it asks for experts
        monkeypatch.setattr("ddkit.jobs.runs.images.ImageWork.experts", interrupted)
    else:
        monkeypatch.setattr("ddkit.jobs.kinds.images.load_task", interrupted)
    line = ["condense", "--method", "dm", "--out", str(tmp_path / "run")]
    assert run(line) == 130
    end = f". To resume, run: ddkit {shlex.join([*line, '--resume'])}\n" if stored else "\n"
    assert capsys.readouterr().err.splitlines(keepends=True)[-1] == f"ddkit: interrupted{end}"
    assert (tmp_path / "run" / "recipe.toml").exists() == stored


def test_the_last_line_of_a_rank_names_no_command_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank that is killed before the ranks have met: torchrun ends the others by a signal."""
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    line = "ddkit: terminated; run the same command with --resume to go on"
    assert farewell(signal.SIGTERM, ["condense", "--out", "x"], begun=True) == line
    assert farewell(signal.SIGTERM, ["condense", "--out", "x"]) == "ddkit: terminated"


def test_no_process_outlives_a_parent_that_was_killed(place: Place) -> None:
    process = in_training(place)
    stop(process, signal.SIGKILL)
    wait_for(lambda: not alive(place), within=30)  # its experts would take minutes


def test_a_signal_to_the_whole_group_is_one_signal(place: Place) -> None:
    """As `timeout` and batch systems send it: to the process, and to it and its children once more."""
    process = in_training(place)
    for pid in (process.pid, *alive(place)):
        with suppress(ProcessLookupError):  # the first signal has ended it already
            os.kill(pid, signal.SIGTERM)
    _, output = process.communicate(timeout=240)
    assert process.returncode == 143 and "killed by signal" not in output and "Traceback" not in output
    assert output.splitlines()[-1].startswith("ddkit: terminated") and not alive(place) and not left_over(place)


def test_a_command_that_was_begun_with_signals_ignored_goes_on(tmp_path: Path) -> None:
    """As under `nohup`, or behind `&` in a script."""
    ignoring = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
print("ignoring", flush=True)
os.execv(sys.executable, [sys.executable, "-m", "ddkit", *{list(JOBS["dm"].arguments)}, "--out", {str(tmp_path)!r}])
"""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "DDKIT_HOME": str(tmp_path / "home")}
    lend_kernels(tmp_path / "home")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", ignoring], env=environment, **pipes)
    assert process.stdout is not None and process.stdout.readline() == "ignoring\n"
    for _ in range(20):
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
    _, output = process.communicate(timeout=240)
    assert process.returncode == 0 and (tmp_path / "set.h5").exists(), output


# What stands in the way of the exception


def ended(tmp_path: Path, work: str, then: str = "", number: signal.Signals = signal.SIGTERM) -> tuple[int, str, float]:
    """(exit code, standard output, seconds to the end) of a program that says "now" when the signal may come."""
    script = f"""
import importlib, os, signal, sys, time
from pathlib import Path
from ddkit.cli import stopping
signals = stopping.Stopping()
signals.install()
def now():
    print("now", flush=True)
try:
{work}
except stopping.Stopped as stopped:
    signals.ended()  # as the command does, so that no timer ends Python while it shuts down
    print("stopped", stopped.number, flush=True)
    sys.exit(128 + stopped.number)
print("went on", flush=True)
"""
    (tmp_path / "program.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: [signal.signal(n, signal.SIG_DFL) for n in SIGNALS],
    )
    assert process.stdout is not None and process.stdout.readline() == "now\n"
    process.send_signal(number)
    begin = time.monotonic()
    if then:
        time.sleep(float(then))
        process.send_signal(number)
        begin = time.monotonic()
    output, _ = process.communicate(timeout=60)
    return process.returncode, output, time.monotonic() - begin


SWALLOWERS = {
    "a bare except": """
    try:
        now()
        time.sleep(60)
    except:
        pass
    time.sleep(60)
""",
    "a finaliser": """
    class Late:
        def __del__(self):
            now()
            time.sleep(2)
    late = Late()
    del late
    time.sleep(60)
""",
    "a callback of a weak reference": """
    import weakref
    class Thing: pass
    thing = Thing()
    ref = weakref.ref(thing, lambda _: (now(), time.sleep(2)))
    del thing
    time.sleep(60)
""",
}


@pytest.mark.parametrize("kind", SWALLOWERS)
def test_an_exception_that_was_lost_comes_again(tmp_path: Path, kind: str) -> None:
    code, output, seconds = ended(tmp_path, SWALLOWERS[kind])
    assert (code, output) == (143, f"stopped {signal.SIGTERM.value}\n") and seconds < 30


def test_cleaning_up_is_not_disturbed(tmp_path: Path) -> None:
    """The timer looks many times while a context manager, a generator and a handler of another error are at work."""
    work = """
    from contextlib import closing, contextmanager
    @contextmanager
    def manager():
        try:
            yield
        finally:
            time.sleep(0.3)
            print("manager", flush=True)
    def generator():
        try:
            yield 1
        finally:
            time.sleep(0.3)
            print("generator", flush=True)
    with manager(), closing(generator()) as items:
        next(items)
        try:
            now()
            time.sleep(60)
        finally:
            try:
                raise OSError
            except OSError:
                time.sleep(0.3)
                print("handler", flush=True)
"""
    code, output, _ = ended(tmp_path, work)
    assert (code, output) == (143, f"handler\ngenerator\nmanager\nstopped {signal.SIGTERM.value}\n")


def test_a_second_signal_while_cleaning_up_ends_at_once(tmp_path: Path) -> None:
    work = """
    try:
        now()
        time.sleep(60)
    finally:
        time.sleep(60)
"""
    code, output, seconds = ended(tmp_path, work, then="1.0", number=signal.SIGINT)
    assert (code, output) == (130, "") and seconds < 30


def test_a_command_that_still_imports_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import __main__, time\n__main__.now()\ntime.sleep(60)")
    code, output, seconds = ended(tmp_path, "    import slow", number=signal.SIGHUP)
    assert (code, output) == (129, "ddkit: hung up\n") and seconds < 30


def test_an_import_at_work_is_waited_for(tmp_path: Path) -> None:
    """Whatever is imported is whole when the exception comes: here by a module that passes for one of a job."""
    slow = "try:\n    __main__.now()\n    time.sleep(1)\nexcept BaseException:\n    print('cut')\n"
    (tmp_path / "slow.py").write_text(f"import __main__, time\n{slow}done = True\n")
    work = """
    stopping._PACKAGE, stopping._BEFORE_WORK = Path(__file__).parent, ("nowhere",)
    try:
        import slow
        time.sleep(60)
    finally:
        print(slow.done, flush=True)
"""
    code, output, _ = ended(tmp_path, work)
    assert (code, output) == (143, f"True\nstopped {signal.SIGTERM.value}\n")


def test_the_library_takes_over_no_signal(capsys: pytest.CaptureFixture[str]) -> None:
    before = [signal.getsignal(number) for number in (*SIGNALS, signal.SIGALRM)]
    assert run(["sets", "ls"]) == 0
    assert [signal.getsignal(number) for number in (*SIGNALS, signal.SIGALRM)] == before


AT_THE_END = """
import importlib, os, signal, sys, time
from ddkit.cli.entry import main

def run(arguments):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)

importlib.import_module("ddkit.cli.main").run = run
try:
    main()
except SystemExit as left:
    print(left.code, *signal.getitimer(signal.ITIMER_REAL))
"""


def test_a_signal_at_the_end_of_a_command_leaves_no_timer() -> None:
    """A timer that still runs while Python shuts down would end the process by SIGALRM."""
    done = subprocess.run([sys.executable, "-c", AT_THE_END], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "130 0.0 0.0\n", done.stderr
