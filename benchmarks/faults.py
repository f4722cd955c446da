"""How ddkit handles killed jobs, damaged files, wrong recipes, and files that claim to be huge.

    python benchmarks/faults.py             the whole campaign, about an hour on two cores; adds to results/faults.jsonl
    python benchmarks/faults.py --small     a few of each, in about three minutes; writes nothing
    python benchmarks/faults.py --page      writes docs/faults.md from the last whole campaign

Exit code 1 if there was a fault. tests/ has the functions that make jobs and files, and runs a small form of each part:
a kill of every kind of job, thousands of flipped bits, hundreds of recipes, all hostile files.

- killed: jobs of every kind get SIGKILL, SIGTERM or SIGINT at random moments, several times in a row, and are then
  resumed to the end. Their files must have the bytes of an uninterrupted run. No process may live a second after the
  signal, and no half-written file may be left at the end.
- damaged: every bit of the first 16 kB of a file, and 5,000 more bits at random, are flipped one at a time, and the
  file is read. The reader must refuse it, or return the content of the undamaged file.
- foreign: sets that a hostile author made and sealed, and data that claims to be huge. They must be refused within 2 s
  and 200 MB.
- recipes: shipped recipes with random changes are checked. Each must be accepted, or refused in one line, within 2 s.
"""

import argparse
import json
import multiprocessing
import random
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count as count_up
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

import bombs  # noqa: E402  (these lie in tests/)
import hostile_files  # noqa: E402
import killed_jobs  # noqa: E402
import mutated_recipes  # noqa: E402
import torch  # noqa: E402
from measure import save  # noqa: E402

from ddkit.errors import DDKitError  # noqa: E402

PARTS = ("recipes", "foreign", "damaged", "killed")
FILE, PAGE = "faults.jsonl", ROOT / "docs" / "faults.md"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
KILLS = 200
"""Signals in all that reach a living job."""

IN_A_ROW = 5
"""Kills of one job before it is resumed to its end."""

PATIENCE = 10.0
"""Seconds after which reading a small file counts as endless."""


@dataclass
class Count:
    """Results of a part of the campaign: number of tries, number of each outcome, and a line for each fault."""

    tries: int = 0
    seconds: float = 0.0
    outcomes: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, outcome: str, fault: str = "") -> None:
        """Count one try; `fault` describes its fault."""
        self.tries += 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if fault:
            self.faults.append(fault)


# Killed


def kill_jobs(kills: int, names: list[str], folder: Path) -> dict[str, Count]:
    """Kill jobs of these kinds `kills` times in all, two jobs at once."""
    with ThreadPoolExecutor(2) as two:
        found = two.map(lambda name: kill_job(name, -(-kills // len(names)), folder / name), names)
        return {f"killed: {name}": count for name, count in zip(names, found, strict=True)}


def kill_job(name: str, kills: int, folder: Path) -> Count:
    """Kill one kind of job at least `kills` times, and compare its results with those of an uninterrupted run."""
    job, draw, count = killed_jobs.JOBS[name], random.Random(name), Count()
    whole = killed_jobs.Place(folder / "whole")
    begin = time.monotonic()
    killed_jobs.finish(killed_jobs.start(job, whole))
    needed, expected = time.monotonic() - begin, killed_jobs.results(job, whole)
    hits = 0  # signals that reached a living job
    for number in count_up():
        if hits >= kills:
            break
        place = killed_jobs.Place(folder / str(number))
        for _ in range(IN_A_ROW):
            begun = (place.out / "recipe.toml").exists()
            process = killed_jobs.start(job, place, *(job.again if begun else ()))
            which = draw.choice(SIGNALS)
            moment = draw.uniform(0.0, needed)
            code, said = killed_jobs.stop(process, which, moment)
            time.sleep(1)
            fault = ""
            if left := killed_jobs.alive(place):
                fault = f"{len(left)} processes live a second after {which.name}"
            elif code not in (0, -which, 128 + which):
                fault = f"exit code {code} after {which.name}"
            elif "Traceback" in said:
                fault = f"a traceback after {which.name}: {said.strip().splitlines()[-1]}"
            hits += code != 0
            ended = "ended before" if code == 0 else which.name
            count.add(ended, fault and f"{name}, {number}, after {moment:.2f} s: {fault}")
        try:
            killed_jobs.go_on(job, place)
        except AssertionError as error:
            count.faults.append(f"{name}, {number}: did not go on: {str(error).strip().splitlines()[-1]}")
            continue
        made = killed_jobs.results(job, place)
        if differ := sorted(file for file in expected.keys() | made.keys() if expected.get(file) != made.get(file)):
            count.faults.append(f"{name}, {number}: {', '.join(differ)} differ")
        if left_over := killed_jobs.left_over(place):
            count.faults.append(f"{name}, {number}: left over: {', '.join(left_over)}")
    count.seconds = time.monotonic() - begin
    return count


# Damaged


def damage(first: int, more: int, folder: Path) -> dict[str, Count]:
    """Flip bits of a file of every kind, two kinds at once."""
    with ThreadPoolExecutor(2) as two:
        names = list(hostile_files.EVERY)
        found = two.map(lambda name: damage_kind(name, first, more, folder / name), names)
        return {f"damaged: {name}": count for name, count in zip(names, found, strict=True)}


def damage_kind(name: str, first: int, more: int, folder: Path) -> Count:
    """Flip bits of a file of one kind, in a separate process, because a reader may crash."""
    folder.mkdir(parents=True)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=flip_bits, args=(name, first, more, folder, theirs))
    begin = time.monotonic()
    process.start()
    theirs.close()
    try:
        count: Count = ours.recv()
    except EOFError:
        process.join()
        count = Count(faults=[f"{name}: its reader crashed with {process.exitcode}"])
    process.join()
    count.seconds = time.monotonic() - begin
    return count


def flip_bits(name: str, first: int, more: int, folder: Path, result: Connection) -> None:
    """The work of `damage_kind`."""
    kind, count = hostile_files.EVERY[name], Count()
    file = folder / kind.name
    kind.write(file)
    expected = kind.read(file)

    def never_ends(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, never_ends)
    warnings.simplefilter("ignore")  # torch's, about pickles of other protocols
    for byte, bit in hostile_files.flips(file, first, more):
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        where = f"{name}, byte {byte}, bit {bit}"
        try:
            same = kind.read(file) == expected
            count.add("read, and the same" if same else "read, and changed", "" if same else f"{where}: changed")
        except DDKitError:
            count.add("refused")
        except TimeoutError:
            count.add("never ended", f"{where}: reading it took over {PATIENCE:.0f} s")
        except BaseException as error:
            count.add("traceback", f"{where}: {error!r}")
    signal.setitimer(signal.ITIMER_REAL, 0)
    result.send(count)


# Foreign and wrong


def foreign(folder: Path) -> dict[str, Count]:
    """Read sets that a hostile author has sealed, and data that claims to be huge."""
    makers = {name: write for name, (write, _) in hostile_files.HOSTILE.items()} | hostile_files.BOMBS
    sets, begin = Count(), time.monotonic()
    files = [folder / f"{number}.h5" for number in range(len(makers))]
    for write, file in zip(makers.values(), files, strict=True):
        write(file)
    for name, outcome in zip(makers, bombs.read([(folder, f"set:{file}") for file in files]), strict=True):
        judge(sets, name, outcome)
    sets.seconds = time.monotonic() - begin
    data, begin = Count(), time.monotonic()
    for name, outcome in bombs.campaign(folder).items():
        judge(data, name, outcome)
    data.seconds = time.monotonic() - begin
    return {"foreign: sets": sets, "foreign: data": data}


def judge(count: Count, name: str, outcome: bombs.Outcome) -> None:
    """Count the outcome of one file."""
    limits = outcome.seconds < bombs.SLOW and outcome.memory < bombs.LARGE
    cost = f"{outcome.seconds:.1f} s, {outcome.memory / 2**20:.0f} MiB"
    fault = "" if outcome.refused and limits else f"{name}: {cost}: {outcome.line[:200]}"
    count.add("refused" if outcome.refused else "not refused", fault)


def wrong_recipes(number: int, folder: Path) -> dict[str, Count]:
    """Check `number` mutated recipes in two processes."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        begin = time.monotonic()
        half = number // 2
        counts = pool.starmap(check_recipes, [(half, folder / "a", 0), (number - half, folder / "b", half)])
    count = Count(seconds=time.monotonic() - begin)
    for part in counts:
        count.tries += part.tries
        count.faults += part.faults
        for outcome, times in part.outcomes.items():
            count.outcomes[outcome] = count.outcomes.get(outcome, 0) + times
    return {"recipes": count}


def check_recipes(number: int, folder: Path, first: int) -> Count:
    """Check the mutated recipes of `number` seeds from `first` on."""
    folder.mkdir()
    count = Count()
    for seed, outcome in mutated_recipes.campaign(number, folder, first):
        if isinstance(outcome, BaseException):
            count.add("traceback", f"recipe {seed}: {outcome!r}"[:300])
        elif outcome.seconds > mutated_recipes.SLOW:
            count.add("slow", f"recipe {seed}: {outcome.seconds:.1f} s")
        else:
            count.add("good" if outcome.line is None else "refused in one line")
    return count


# The campaign


def campaign(small: bool, wanted: Iterable[str], kills: int) -> dict[str, Count]:
    """Run the wanted parts, with `kills` kills in all; print each as soon as it is done."""
    parts: dict[str, Callable[[Path], dict[str, Count]]] = {
        "recipes": partial(wrong_recipes, 400 if small else 10_000),
        "foreign": foreign,
        "damaged": partial(damage, *((600, 200) if small else (2**14, 5_000))),
        "killed": partial(
            kill_jobs, *((6, ["ftd", "graphs", "compare"]) if small else (kills, list(killed_jobs.JOBS)))
        ),
    }
    found: dict[str, Count] = {}
    for name, part in parts.items():
        if name in wanted:
            with tempfile.TemporaryDirectory() as scratch:
                for title, count in part(Path(scratch)).items():
                    found[title] = count
                    show(title, count)
    return found


def show(title: str, count: Count) -> None:
    """Print a line of the table, and a line for each fault."""
    outcomes = ", ".join(f"{outcome} {times:,}" for outcome, times in sorted(count.outcomes.items()))
    print(
        f"{title:24} {count.tries:8,} tries  {len(count.faults):4} faults  {count.seconds:6.0f} s  {outcomes}",
        flush=True,
    )
    for fault in count.faults[:20]:
        print(f"    {fault}", flush=True)


def page() -> str:
    """The page of the last whole campaign on record, and of the parts that were repeated after it."""
    records = [json.loads(line) for line in (ROOT / "benchmarks" / "results" / FILE).read_text().splitlines()]
    whole = max(place for place, record in enumerate(records) if set(record["parts"]) == set(PARTS))
    lines = list(INTRODUCTION)
    for record in records[whole:]:
        only = "" if set(record["parts"]) == set(PARTS) else f" --only {' '.join(record['parts'])}"
        only += f" --kills {record['kills']}" if record.get("kills", KILLS) != KILLS else ""
        lines += [f"Measured on {record['date']} at commit {record['commit']}, {record['host']}, by", ""]
        lines += [f"    python benchmarks/faults.py{only}", ""]
        lines += ["| what | tries | faults | outcomes |", "|---|---|---|---|"]
        for title, row in record["rows"].items():
            outcomes = ", ".join(f"{outcome} {times:,}" for outcome, times in sorted(row["outcomes"].items()))
            lines.append(f"| {title} | {row['tries']:,} | {len(row['faults'])} | {outcomes} |")
        lines.append("")
    return "\n".join(lines)


INTRODUCTION = (
    "# How ddkit handles killed jobs, damaged files and hostile input",
    "",
    "`benchmarks/faults.py` kills jobs at random moments and resumes them, flips bits of files, changes recipes at",
    "random, and reads files that claim to be huge. It counts as faults:",
    "",
    "- a job that does not resume, writes other bytes, or leaves a process or a half-written file;",
    "- a damaged file that is read with other content;",
    "- a reader that hangs or crashes, and a traceback;",
    "- a file with false claims whose refusal takes over 2 s or 200 MB.",
    "",
    "The tests run a small form of each part.",
    "",
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill jobs, damage files, make false files; count the faults.")
    parser.add_argument(
        "--small", action="store_true", help="a few of each, in about three minutes; nothing is recorded"
    )
    parser.add_argument("--page", action="store_true", help="write docs/faults.md from the last whole campaign")
    parser.add_argument("--only", nargs="+", default=PARTS, help="these parts")
    parser.add_argument("--kills", type=int, default=KILLS, help="signals in all that reach a living job")
    given = parser.parse_args()
    if given.page:
        PAGE.write_text(page())
        sys.exit()
    everything = campaign(given.small, given.only, given.kills)
    if not given.small:
        save(
            FILE,
            {"parts": list(given.only), "kills": given.kills},
            {title: asdict(count) for title, count in everything.items()},
            torch.device("cpu"),
        )
    sys.exit(any(count.faults for count in everything.values()))
