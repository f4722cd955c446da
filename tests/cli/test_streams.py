"""Output under odd surroundings: poor encodings, full disks, readers that leave, names with control characters."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from ddkit.cli.grid import print_rows
from ddkit.cli.output import echo, plain_text
from ddkit.run.progress import BarMeter, LineMeter
from ddkit.shipped import shipped

ESCAPES = "\x1b[31mred\x07"
SET = shipped("synth_sets") / "digits-ftd-ipc1.h5"
FULL = Path("/dev/full")


def ddkit(*arguments: str, stdout: object = subprocess.PIPE, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ddkit", *arguments],
        stdout=stdout,  # type: ignore[call-overload]
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        timeout=120,
        env=os.environ | environment,
        check=False,
    )


def test_a_sign_that_the_encoding_lacks_is_written_as_one_that_it_has() -> None:
    done = ddkit(
        "show", "digits-ftd-ipc1", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"\d\d\.\d \+- \d", done.stdout) and "±" not in done.stdout
    table = ddkit("sets", "ls", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (table.returncode, table.stderr) == (0, "") and "digits-ftd-ipc1" in table.stdout


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("command", [("show", "digits-ftd-ipc1"), ("sets", "ls")])
def test_a_full_disk_under_standard_output_is_one_line(command: tuple[str, ...]) -> None:
    with FULL.open("w") as full:
        done = ddkit(*command, stdout=full)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1 and "standard output cannot be written (No space left" in done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
def test_work_is_saved_whatever_becomes_of_the_output(tmp_path: Path) -> None:
    out = tmp_path / "set.npz"
    with FULL.open("w") as full:
        done = ddkit("export", "digits-ftd-ipc1", "--to", "npz", "--out", str(out), stdout=full)
    assert out.exists() and done.returncode == 3 and "its files are saved" in done.stderr
    with FULL.open("w") as full:
        refused = ddkit("show", str(tmp_path / "none.h5"), stdout=full)
    assert refused.returncode == 3 and "no such file" in refused.stderr and "standard output" not in refused.stderr


@pytest.mark.parametrize("end", ["| head -c 1", ">&-", "2>&- >/dev/null", "| true"])
def test_a_reader_that_leaves_changes_nothing(end: str) -> None:
    line = f"{sys.executable} -m ddkit sets ls {end}; echo code ${{PIPESTATUS[0]}} >&3"
    done = subprocess.run(
        ["bash", "-c", f"exec 3>&1; {{ {line}; }} 3>&3"], capture_output=True, timeout=120, check=False
    )
    assert b"code 0" in done.stdout and done.stderr == b""


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    echo(f"wrote {ESCAPES}\nnext\tline")
    print_rows(("name", ESCAPES), [(ESCAPES, "[bold]not markup[/bold]")])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\x07" not in shown
    assert "wrote \\x1b[31mred\\x07\nnext\tline" in shown and "[bold]not markup[/bold]" in shown
    assert plain_text(ESCAPES).plain == "\\x1b[31mred\\x07"
    for meter_class in (BarMeter, LineMeter):
        screen = io.StringIO()
        meter = meter_class(Console(file=screen, force_terminal=False, width=200))
        meter.start(ESCAPES, 2)
        meter.advance(1, {ESCAPES: 1.0})
        meter.say(ESCAPES)
        meter.finish()
        assert "\x07" not in screen.getvalue() and "\x1b[31mred" not in screen.getvalue()
        assert "\\x1b[31mred\\x07" in screen.getvalue()
    odd = tmp_path / f"{ESCAPES}.h5"
    shutil.copy(SET, odd)
    done = ddkit("export", str(odd), "--to", "npz", "--out", str(tmp_path / f"{ESCAPES}.npz"))
    assert done.returncode == 0 and "\x1b" not in done.stdout + done.stderr and "\\x1b[31mred" in done.stdout


def test_no_command_prints_past_the_one_that_escapes() -> None:
    """Only `output.py` and the guarded streams print; tables take cells."""
    for file in Path(shipped("recipes")).parent.glob("ddkit/cli/*.py"):
        text = file.read_text()
        assert "click.echo(" not in text, file.name
        if file.name not in ("output.py", "streams.py"):
            assert not re.search(r"(?<![\w.])print\(", text), file.name
