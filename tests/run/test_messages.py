"""The messages of a run in its folder."""

from pathlib import Path

from listener import Listener

from ddkit.run import RecordingMeter, RunFolder


def test_messages_wait_for_the_beginning_and_are_passed_on_at_once(tmp_path: Path) -> None:
    folder, heard = RunFolder(tmp_path), Listener()
    meter = RecordingMeter(heard, folder)
    meter.say("before")
    assert heard.lines == ["before"] and not folder.messages.exists()
    meter.begin()
    meter.say("two\nlines")
    meter.record("silent")
    assert heard.lines == ["before", "two\nlines"]
    assert folder.messages.read_text() == "before\ntwo lines\nsilent\n"
    assert folder.read_messages() == ["before", "two lines", "silent"]


def test_a_resumed_run_adds_its_messages_and_repeats_none(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for lines in (("a", "b"), ("a", "c")):
        meter = RecordingMeter(Listener(), folder)
        meter.begin()
        for line in lines:
            meter.say(line)
    assert folder.read_messages() == ["a", "b", "c"]


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.messages.mkdir()
    heard = Listener()
    meter = RecordingMeter(heard, folder)
    meter.begin()
    meter.say("a")
    assert heard.lines == ["a"]
