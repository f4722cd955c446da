"""The ledger of GPU claims: what it starts, what it records, how it goes on. Its claims here are one-line programs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from claims import CLAIMS  # noqa: E402
from ledger import GOOD, Begun, Claim, Ledger, Target, table_row  # noqa: E402
from parcel import LIMIT, pack, take  # noqa: E402

WRITE = "import pathlib, sys; run = pathlib.Path(sys.argv[1]); run.mkdir(parents=True, exist_ok=True); "


def claim(name, program="pass", **options):
    return Claim(name, "a test", ("-c", program), options.pop("seconds", 5), options.pop("touches", ()), **options)


@pytest.fixture
def ledger(tmp_path):
    def make(*claims, **options):
        facts = {"environment": {"device": "none"}, "commit": "abc"}
        return Ledger(claims, tmp_path / "results.jsonl", tmp_path / "work", tmp_path / "data", facts, **options)

    return make


def statuses(lines):
    return {line["claim"]: line["status"] for line in lines}


def kept(ledger):
    return [json.loads(text) for text in ledger.results.read_text().splitlines() if text]


def quiet(text):
    pass


def test_a_claim_that_fails_ends_no_other_one(ledger):
    bad = claim("bad", "print('what went wrong'); raise SystemExit(3)")
    made = ledger(claim("first"), bad, claim("last", "print('done')"))
    assert statuses(made.run(60, quiet)) == {"first": "ok", "bad": "failed", "last": "ok"}
    lines = {line["claim"]: line for line in kept(made)}
    assert "what went wrong" in lines["bad"]["log"] and lines["last"]["log"] == "done\n"
    assert lines["first"]["commit"] == "abc" and lines["first"]["environment"] == {"device": "none"}
    assert "failed" not in GOOD


def test_a_claim_that_takes_too_long_is_stopped_with_its_children(ledger, tmp_path):
    pid = tmp_path / "pid"
    program = (
        "import subprocess, sys, time; "
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        f"open({str(pid)!r}, 'w').write(str(child.pid)); time.sleep(600)"
    )
    made = ledger(claim("endless", program, seconds=2), claim("last", seconds=0.1))
    begin = time.monotonic()
    assert statuses(made.run(4, quiet))["endless"] == "overran"
    assert time.monotonic() - begin < 60  # the child sleeps for 600
    child = Path(f"/proc/{pid.read_text()}/status")
    for _ in range(50):
        if not child.exists() or "State:\tZ" in child.read_text():
            return
        time.sleep(0.1)
    pytest.fail("a grandchild lives on")


def test_what_does_not_fit_is_not_started_and_what_is_smaller_is(ledger):
    made = ledger(claim("long", seconds=500), claim("short", seconds=1))
    assert statuses(made.run(30, quiet)) == {"long": "no time", "short": "ok"}
    assert [line["claim"] for line in kept(made)] == ["short"]


def test_what_is_proven_is_skipped_until_its_sources_change(ledger, tmp_path, monkeypatch):
    monkeypatch.setattr("ledger.ROOT", tmp_path)
    source, count = tmp_path / "source.py", tmp_path / "count"
    source.write_text("1")
    one = claim("one", f"open({str(count)!r}, 'a').write('x')", touches=("source.py",))
    for content, status, runs in (("1", "ok", 1), ("1", "proven", 1), ("2", "ok", 2), ("2", "proven", 2)):
        source.write_text(content)
        assert statuses(ledger(one).run(60, quiet)) == {"one": status}
        assert len(count.read_text()) == runs
    other = ledger(one)
    other.earlier, other.results = [tmp_path / "results.jsonl"], tmp_path / "other.jsonl"
    assert statuses(other.run(60, quiet)) == {"one": "proven"}, "published proofs count"
    assert statuses(ledger(one, rehearse=True).run(60, quiet)) == {"one": "ok"}, "of a rehearsal they do not"


def test_a_killed_ledger_goes_on_with_what_is_missing(ledger, tmp_path):
    """The ledger itself is killed during its second claim; its last line is torn besides."""
    program = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS)!r})
from pathlib import Path
from ledger import Claim, Ledger
claims = [Claim(name, "a test", ("-c", f"import time; time.sleep({{s}})"), 5, ()) for name, s in (("a", 0), ("b", 60))]
root = Path({str(tmp_path)!r})
Ledger(claims, root / "results.jsonl", root / "work", root / "data", {{}}).run(200)
"""
    killed = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    for text in killed.stdout:
        if text.startswith("b:"):
            time.sleep(0.5)
            break
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    with (tmp_path / "results.jsonl").open("a") as results:
        results.write('{"claim": "b", "sta')
    made = ledger(claim("a", "import time; time.sleep(0)"), claim("b"))
    assert statuses(made.run(60, quiet)) == {"a": "proven", "b": "ok"}
    assert statuses(made.run(60, quiet)) == {"a": "proven", "b": "proven"}


def test_a_long_claim_goes_on_where_it_was_stopped(ledger, tmp_path):
    """Its first part is interrupted at the limit; the second resumes, and their seconds add up."""
    program = (
        WRITE + "import time\nif '--resume' in sys.argv: (run / 'done').write_text('y')\n"
        "else:\n  (run / 'part').write_text('x')\n  time.sleep(600)"
    )
    parts = Claim("parts", "a test", ("-c", program, "{run}"), 4, (), resume=("--resume",))
    (first,) = ledger(parts).run(5, quiet)
    assert first["status"] == "unfinished" and first["seconds"] >= 3
    (second,) = ledger(parts).run(60, quiet)
    assert second["status"] == "ok" and second["figures"]["seconds"] == second["seconds"] >= first["seconds"]
    assert {file.name for file in (tmp_path / "work" / "runs" / "parts").iterdir()} == {"part", "done"}


def test_a_claim_that_hangs_overruns_and_comes_last(ledger):
    """All its parts count together. It goes on where it stopped, but after the others."""
    hung = claim("hung", "import time; time.sleep(600)", seconds=1, resume=("--resume",))
    made, messages = ledger(hung, claim("good", seconds=0.1)), []
    (made.work / "runs" / "hung").mkdir(parents=True)
    Begun(made.work / "begun" / "hung.json", hung.digest()).note(hung.limit - 1)
    (line, _) = made.run(2, quiet)
    assert line["status"] == "overran" and line["seconds"] > hung.limit
    made.results.write_text(made.results.read_text().splitlines()[0] + "\n")
    (line, _) = made.run(10, messages.append)
    assert [text.split()[0] for text in messages] == ["good:", "good", "hung:", "hung"]
    assert "--resume" in line["command"] and line["status"] == "overran"


def test_a_target_of_seconds_is_held_against_all_parts(ledger):
    program = WRITE + "import time\nif '--resume' not in sys.argv: time.sleep(600)"
    short = Target("seconds", at_most=2)
    parts = Claim("parts", "a test", ("-c", program, "{run}"), 4, (), resume=("--resume",), targets=(short,))
    assert statuses(ledger(parts).run(5, quiet)) == {"parts": "unfinished"}
    assert statuses(ledger(parts).run(60, quiet)) == {"parts": "missed"}


def test_a_part_that_was_killed_with_its_ledger_is_gone_on_with(ledger, tmp_path):
    """Nothing was written but that it had begun; it also comes back from a parcel."""
    program = WRITE + "(run / ('done' if '--resume' in sys.argv else 'anew')).write_text('')"
    parts = Claim("parts", "a test", ("-c", program, "{run}"), 5, (), resume=("--resume",))
    made = ledger(parts)
    (made.work / "runs" / "parts").mkdir(parents=True)
    Begun(made.work / "begun" / "parts.json", parts.digest()).note(40.0)
    (tmp_path / "out").mkdir()
    (made.work / "runs" / "parts" / "part").write_text("")
    list(pack(made.work, tmp_path / "out", 10))
    made.work = tmp_path / "elsewhere"
    take((tmp_path / "out").iterdir(), made.work)
    (line,) = made.run(60, quiet)
    assert line["status"] == "ok" and 40 <= line["seconds"] < 60
    assert {file.name for file in (made.work / "runs" / "parts").iterdir()} == {"part", "done"}


def test_a_part_that_cannot_be_gone_on_with_begins_anew(ledger, tmp_path):
    program = WRITE + "import time\nif '--resume' in sys.argv: sys.exit(1)\nif not (run / 'x').exists(): time.sleep(2)"
    parts = Claim("parts", "a test", ("-c", program, "{run}"), 1.5, (), resume=("--resume",))
    made = ledger(parts, claim("other"))
    found = [statuses(made.run(seconds, quiet))["parts"] for seconds in (1.6, 60, 60)]
    assert found == ["unfinished", "failed", "ok"]


def test_claims_that_failed_come_last(ledger):
    order = []
    made = ledger(claim("bad", "raise SystemExit(1)"), claim("good"))
    made.run(60, quiet)
    made.run(60, order.append)
    assert [text.split()[0] for text in order] == ["good", "bad:", "bad"]


def test_a_stricter_target_is_judged_anew(ledger):
    def row(at_least):
        return claim("row", figures=lambda work, run: {"ratio": 2.0}, targets=(Target("ratio", at_least=at_least),))

    assert statuses(ledger(row(1)).run(60, quiet)) == {"row": "ok"}
    assert statuses(ledger(row(3)).run(60, quiet)) == {"row": "missed"}


def test_a_slower_way_is_told(ledger):
    (line,) = ledger(claim("row", "print('RuntimeWarning: no graph; which is slower')")).run(60, quiet)
    assert line["slower ways"] == ["RuntimeWarning: no graph; which is slower"] and "a slower way" in table_row(line)


def test_a_claim_that_reads_a_run_of_another_machine(ledger, tmp_path):
    first = claim("first", WRITE + "(run / 'set.h5').write_text('')")
    first = Claim("first", "a test", (*first.command, "{run}"), 5, ())
    second = claim("second", needs=("{runs}/first/set.h5",), follows="first")
    made = ledger(first, second)
    assert statuses(made.run(60, quiet)) == {"first": "ok", "second": "ok"}
    made.results.write_text(made.results.read_text().splitlines()[0] + "\n")
    made.work = tmp_path / "another"
    assert statuses(made.run(60, quiet)) == {"first": "proven", "second": "elsewhere"}


def test_homes_and_paths(ledger, tmp_path, monkeypatch):
    """A claim with a home of its own finds it empty; the caller's PYTHONPATH stays."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "libraries"))
    program = "import os, pathlib; print(os.environ['PYTHONPATH']); h = pathlib.Path(os.environ['DDKIT_HOME']); "
    program += (
        "h.mkdir(parents=True, exist_ok=True); (h / 'expert').open('a').write('x'); print((h / 'expert').read_text())"
    )
    for home, wanted in (("home", ["x", "xx"]), ("home-own", ["x", "x"])):
        made = ledger(Claim(f"of-{home}", "a test", ("-c", program), 5, (), home=home))
        for content in wanted:
            made.results.unlink(missing_ok=True)
            (line,) = made.run(60, quiet)
            path, found = line["log"].split()
            assert found == content and path.endswith(f"{os.pathsep}{tmp_path / 'libraries'}")


def test_a_run_folder_of_other_sources_is_removed(ledger, tmp_path):
    run = tmp_path / "work" / "runs" / "new"
    run.mkdir(parents=True)
    (run / "old").write_text("")
    new = Claim("new", "a test", ("-c", WRITE + "(run / 'mine').write_text('')", "{run}"), 5, (), resume=("--resume",))
    assert statuses(ledger(new).run(60, quiet)) == {"new": "ok"}
    assert [file.name for file in run.iterdir()] == ["mine"]


def test_figures_are_held_against_targets(ledger):
    def figures(work, run):
        return {"ratio": 2.5, "lost": float("nan")}

    def row(name, *targets, **options):
        return claim(name, figures=options.pop("figures", figures), targets=targets)

    def unreadable(work, run):
        raise FileNotFoundError("no scores")

    claims = (
        row("met", Target("ratio", at_least=2), Target("seconds", at_most=60)),
        row("below", Target("ratio", at_least=15)),
        row("above", Target("ratio", at_most=1)),
        row("nan", Target("lost", at_least=0)),
        row("absent", Target("nothing", at_least=0)),
        row("unreadable", figures=unreadable),
    )
    lines = ledger(*claims).run(60, quiet)
    wanted = {"met": "ok", "below": "missed", "above": "missed", "nan": "missed", "absent": "missed"}
    assert statuses(lines) == wanted | {"unreadable": "failed"}
    assert "missed: ratio >= 15" in table_row(lines[1])
    assert statuses(ledger(*claims, rehearse=True).run(60, quiet)) == dict.fromkeys(wanted, "ok") | {
        "unreadable": "failed"
    }, "a rehearsal judges no targets"


def test_a_claim_without_its_data_is_named(ledger, tmp_path):
    waiting = claim("waiting", needs=("{data}/cifar10.npz",))
    assert statuses(ledger(waiting).run(60, quiet)) == {"waiting": "needs cifar10.npz"}
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cifar10.npz").write_text("")
    assert statuses(ledger(waiting).run(60, quiet)) == {"waiting": "ok"}


def test_every_claim_names_what_is_there_and_none_twice():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
    for each in CLAIMS:
        assert each.digest()  # raises where a file is missing
        assert each.rehearsal or each.instead, f"{each.name} would first be run on the day"


def test_parcels_bring_a_work_folder_back(tmp_path):
    work, out, back = tmp_path / "work", tmp_path / "out", tmp_path / "back"
    out.mkdir()
    files = {"runs/a/set.h5": 10, "home/buffers/x/expert-0.h5": LIMIT - 5, "home/buffers/x/expert-1.h5": 5}
    too_large = {"home/buffers/x/expert-2.h5": LIMIT + 1}
    for name, size in (files | too_large | {"logs/a.log": 5}).items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(bytes(range(256)) * (size // 256) + b"z" * (size % 256))
    lines = list(pack(work, out, 40))
    parcels = sorted(out.iterdir())
    assert [parcel.name for parcel in parcels] == ["parcel-0.tar", "parcel-1.tar"]
    assert all(parcel.stat().st_size < 16 * 2**20 for parcel in parcels)
    assert lines[-1].startswith("1 files are in no parcel")
    take(parcels, back)
    found = {str(file.relative_to(back)): file.read_bytes() for file in back.rglob("*") if file.is_file()}
    assert found == {name: (work / name).read_bytes() for name in files}


def test_without_a_gpu_it_says_so():
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--seconds", "10"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1 and "no CUDA device; --rehearse" in done.stderr
