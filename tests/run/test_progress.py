"""Meters, with the clock in the test's hands."""

import io
import time

import pytest
from rich.console import Console

from ddkit.run import Meter, SilentMeter, terminal_meter
from ddkit.run.progress import BarMeter, LineMeter


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_lines(clock):
    text = io.StringIO()
    meter = LineMeter(Console(file=text, width=80))
    meter.start("condensing", 100, 20)
    clock[0] += 14
    meter.advance(30, {"loss": 0.5})
    assert text.getvalue() == ""
    clock[0] += 6
    meter.advance(40, {"loss": 0.123456, "lr": 0.01})  # 20 done in 20 s, 60 to go
    assert text.getvalue() == "condensing: 40/100, 60 s left loss 0.1235  lr 0.01\n"
    clock[0] += 10
    meter.advance(50)
    clock[0] += 5
    meter.advance(60)
    meter.advance(61)
    assert text.getvalue().splitlines()[1:] == ["condensing: 60/100, 35 s left "]
    meter.finish()
    meter.finish()
    assert text.getvalue().splitlines()[2:] == ["condensing: 61/100 in 35.0 s"]


def test_a_meter_may_start_again(clock):
    text = io.StringIO()
    meter = LineMeter(Console(file=text))
    for title in ("experts", "condensing"):
        meter.start(title, 2)
        clock[0] += 1
        meter.advance(2)
        meter.finish()
    assert text.getvalue() == "experts: 2/2 in 1.0 s\ncondensing: 2/2 in 1.0 s\n"


def test_long_lines_and_markup_are_left_alone():
    text = io.StringIO()
    line = "[bold]" + " word" * 60
    LineMeter(Console(file=text, width=40)).say(line)
    assert text.getvalue() == line + "\n"


def test_a_bar_shows_its_title_and_values():
    text = io.StringIO()
    meter = BarMeter(Console(file=text, force_terminal=True, width=100))
    meter.start("condensing", 10)
    meter.advance(7, {"loss": 0.25})
    meter.finish()
    assert "condensing" in text.getvalue() and "7/10" in text.getvalue() and "loss 0.25" in text.getvalue()


HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def test_a_bar_gives_the_cursor_back_when_the_work_fails(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr("ddkit.run.progress.Console", lambda file: Console(file=text, force_terminal=True))
    with pytest.raises(KeyboardInterrupt), terminal_meter() as meter:
        assert isinstance(meter, BarMeter)
        meter.start("condensing", 10)
        raise KeyboardInterrupt
    assert HIDE in text.getvalue() and text.getvalue().rindex(SHOW) > text.getvalue().rindex(HIDE)


def test_a_log_gets_lines_on_standard_error(capsys):
    with terminal_meter() as meter:
        assert isinstance(meter, LineMeter)
        meter.say("hello")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "hello\n")


def test_silence(capsys):
    meter = SilentMeter()
    assert isinstance(meter, Meter)
    meter.start("x", 3)
    meter.advance(1, {"loss": 1.0})
    meter.say("x")
    meter.finish()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
