"""What the campaign counts as a fault, and that its page is that of its last whole run."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import faults  # noqa: E402
import hostile_files  # noqa: E402
import killed_jobs  # noqa: E402
from bombs import LARGE, SLOW, Outcome  # noqa: E402


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Outcome("one line", True, SLOW / 2, LARGE // 2), False),
        (Outcome("it was read", False, 0.1, 0), True),
        (Outcome("one line, late", True, SLOW * 2, 0), True),
        (Outcome("one line, at a price", True, 0.1, LARGE * 2), True),
    ],
)
def test_a_bomb_must_be_refused_soon_and_cheaply(outcome: Outcome, fault: bool) -> None:
    count = faults.Count()
    faults.judge(count, "a bomb", outcome)
    assert count.tries == 1 and bool(count.faults) == fault


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (lambda path: "always the same", "read, and the same"),
        (lambda path: str(path.read_bytes()), "read, and changed"),
        (lambda path: 1 // (path.read_bytes() == b"good"), "traceback"),
    ],
)
def test_a_flipped_bit_must_be_refused_or_change_nothing(tmp_path, monkeypatch, read, outcome) -> None:
    kind = hostile_files.Kind("file", lambda path: path.write_bytes(b"good"), read)
    monkeypatch.setitem(hostile_files.EVERY, "kind", kind)
    sent: list[faults.Count] = []

    class Pipe:
        send = staticmethod(sent.append)

    faults.flip_bits("kind", 4, 8, tmp_path, Pipe())  # type: ignore[arg-type]
    (count,) = sent
    assert count.outcomes == {outcome: 40} and len(count.faults) == (0 if outcome == "read, and the same" else 40)


def test_a_job_that_makes_other_bytes_or_leaves_something_is_a_fault(tmp_path, monkeypatch) -> None:
    """A stand-in for killing: the whole run and the one that goes on make different files."""
    monkeypatch.setattr(faults, "IN_A_ROW", 1)
    monkeypatch.setattr(killed_jobs, "start", lambda *_: object())
    monkeypatch.setattr(killed_jobs, "finish", lambda *_: "")
    monkeypatch.setattr(killed_jobs, "stop", lambda *_: (7, "Traceback"))
    monkeypatch.setattr(killed_jobs, "go_on", lambda *_: "")
    monkeypatch.setattr(killed_jobs, "alive", lambda place: [])
    monkeypatch.setattr(killed_jobs, "left_over", lambda place: [".half.part"])
    monkeypatch.setattr(killed_jobs, "results", lambda job, place: {"set.h5": place.folder.name.encode()})
    count = faults.kill_job("dm", 1, tmp_path)
    assert count.tries == 1 and count.faults[0].endswith("exit code 7 after " + count.faults[0].split()[-1])
    assert count.faults[1:] == ["dm, 0: set.h5 differ", "dm, 0: left over: .half.part"]


def test_the_page_is_that_of_the_last_campaign() -> None:
    results = ROOT / "benchmarks" / "results" / faults.FILE
    assert faults.PAGE.read_text() == faults.page()
    records = [json.loads(line) for line in results.read_text().splitlines()]
    assert records[-1]["commit"] in faults.page() and records[-1]["host"] in faults.page()
    rows = [row for record in records for row in record["rows"].items()]
    assert not [fault for _, row in rows for fault in row["faults"]]
    killed = [row for title, row in rows if title.startswith("killed")]
    assert sum(row["tries"] - row["outcomes"].get("ended before", 0) for row in killed) >= 200
    assert sum(row["tries"] for title, row in rows if title == "recipes") >= 10_000
