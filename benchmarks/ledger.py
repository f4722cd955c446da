"""A ledger of claims. The command of each claim runs in a separate process; its outcome is a line of JSON.

The ledger starts as many claims as fit into a number of seconds, in their order. A claim that fails or takes too long
is recorded, and the next one starts. Claims that are proven for the present sources are skipped, so a ledger that was
killed or ran out of time continues with the remaining claims.
"""

import ctypes
import datetime
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCES = (".py", ".c", ".h", ".toml")
LOG_KEPT = 20_000
"""Characters of a claim's output that its line keeps, from the end."""

GOOD = ("ok", "proven")
"""Statuses of claims that are proven. "no time", "elsewhere" and "unfinished" are not failures of a ledger either."""

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Target:
    """A bound on a figure: `Target("ratio", at_least=15)`."""

    figure: str
    at_least: float | None = None
    at_most: float | None = None

    def met(self, figures: Mapping[str, float]) -> bool:
        found = figures.get(self.figure, float("nan"))
        return not (
            found != found
            or (self.at_least is not None and found < self.at_least)
            or (self.at_most is not None and found > self.at_most)
        )

    def __str__(self) -> str:
        bounds = ((">=", self.at_least), ("<=", self.at_most))
        return " ".join(f"{self.figure} {sign} {bound:g}" for sign, bound in bounds if bound is not None)


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes:
        name: also the name of its log and of its run folder.
        proves: what it measures, in a few words.
        command: arguments of the Python interpreter. In all texts {data} is the folder of real data, {work} the
            ledger's work folder, {run} the claim's own run folder, {runs} the folder of all of them.
        seconds: how long it is expected to take on an H100. It is stopped after twice as long and a minute (`limit`).
        touches: files and folders of the repository that the claim depends on. A change of one makes it unproven.
        targets: bounds on its figures.
        figures: reads the figures when the command has ended, from the work folder and the run folder.
        needs: files without which it is not started.
        resume: arguments that continue the command in a run folder with a part of the work. With `resume`, the claim
            starts if 60 s are left. Without, all its seconds must be left, and a stopped claim begins again.
        home: folder of the work folder that is DDKIT_HOME. Claims of one home share experts.
        follows: the claim whose run folder this one reads.
        rehearsal: further arguments of the command in a rehearsal.
        instead: the command of the rehearsal, for a claim whose command has no toy size.
    """

    name: str
    proves: str
    command: Sequence[str]
    seconds: float
    touches: Sequence[str]
    targets: Sequence[Target] = ()
    figures: Callable[[Path, Path], Mapping[str, float]] | None = None
    needs: Sequence[str] = ()
    resume: Sequence[str] = ()
    home: str = "home"
    follows: str = ""
    rehearsal: Sequence[str] = ()
    instead: Sequence[str] = ()

    @property
    def limit(self) -> float:
        """Seconds after which the claim has overrun; for a claim that was continued, the sum of all parts."""
        return 2 * self.seconds + 60

    def digest(self) -> str:
        """SHA-256 of the command and of all files in `touches`."""
        digest = hashlib.sha256(json.dumps([*self.command]).encode())
        for name in self.touches:
            place = ROOT / name
            if not place.exists():
                raise FileNotFoundError(f"claim '{self.name}' touches '{name}', which is not there")
            files = [place] if place.is_file() else sorted(f for f in place.rglob("*") if f.suffix in SOURCES)
            for file in files:
                digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()


@dataclass
class Ledger:
    """Claims, and the folders of their outcomes and their work.

    Attributes:
        results: file of JSON lines, one for each claim that was started.
        work: folder of logs, run folders, and of DDKIT_HOME.
        data: folder of real data.
        facts: part of every line: hardware, versions, commit.
        earlier: further files of results whose lines with status ok count as proofs.
        rehearse: run the rehearsal of each claim. Its lines prove only rehearsals, and targets are not checked.
        environment: variables for the commands.
    """

    claims: Sequence[Claim]
    results: Path
    work: Path
    data: Path
    facts: Mapping[str, Any]
    earlier: Sequence[Path] = ()
    rehearse: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, seconds: float, say: Callable[[str], None] = print) -> list[dict[str, Any]]:
        """Start the claims that fit into `seconds`. Return a line for each claim in order, started or not.

        Claims that failed before with the same sources start last.
        """
        end, old = time.monotonic() + seconds, self._lines()
        digests = {claim.name: claim.digest() for claim in self.claims}
        before = {claim.name: [line for line in old if _is_of(line, claim, digests)] for claim in self.claims}
        lines: dict[str, dict[str, Any]] = {}
        for claim in sorted(self.claims, key=lambda claim: any(_bad(line) for line in before[claim.name])):
            line = {"claim": claim.name, "proves": claim.proves, "digest": digests[claim.name]}
            lines[claim.name] = self._one(claim, line, before[claim.name], lines, end - time.monotonic(), say)
            say(table_row(lines[claim.name]))
        return [lines[claim.name] for claim in self.claims]

    def _one(
        self,
        claim: Claim,
        line: dict[str, Any],
        before: list[dict[str, Any]],
        others: Mapping[str, Mapping[str, Any]],
        left: float,
        say: Callable[[str], None],
    ) -> dict[str, Any]:
        for old in before:
            if old["status"] == "ok" and (self.rehearse or all(t.met(old["figures"]) for t in claim.targets)):
                return old | {"status": "proven"}
        missing = [text for need in claim.needs if not Path(text := self._fill(need, claim)).exists()]
        if missing:
            elsewhere = claim.follows and others.get(claim.follows, {}).get("status") == "proven"
            return line | {"status": "elsewhere" if elsewhere else f"needs {Path(missing[0]).name}"}
        enough = min(60.0, claim.seconds) if claim.resume else claim.seconds
        if left < (1 if self.rehearse else enough):
            return line | {"status": "no time"}
        say(f"{claim.name}: {claim.proves} (expected {claim.seconds:.0f} s, {left:.0f} s left)")
        line |= self._attempt(claim, line["digest"], min(left, claim.limit))
        line |= {"rehearsal": self.rehearse, "date": datetime.date.today().isoformat(), **self.facts}
        self._write(line)
        return line

    def _attempt(self, claim: Claim, digest: str, limit: float) -> dict[str, Any]:
        run, log = self.work / "runs" / claim.name, self.work / "logs" / f"{claim.name}.log"
        begun = Begun(self.work / "begun" / f"{claim.name}.json", digest)
        earlier = begun.seconds(log) if claim.resume and run.exists() else None
        if earlier is None:
            for folder in (run, *([self.work / claim.home] if claim.home != "home" else [])):
                shutil.rmtree(folder, ignore_errors=True)
        asked = claim.instead or [*claim.command, *claim.rehearsal] if self.rehearse else claim.command
        arguments = [*asked, *(claim.resume if earlier is not None else ())]
        command = [sys.executable, *(self._fill(text, claim) for text in arguments)]
        log.parent.mkdir(parents=True, exist_ok=True)
        begun.note(earlier or 0.0)
        begin, used = time.monotonic(), _processor_seconds()
        code = self._process(command, log, limit, claim)
        spent = time.monotonic() - begin
        seconds = spent + (earlier or 0.0)
        line: dict[str, Any] = {"seconds": seconds, "command": arguments}
        line["processor_seconds"] = _processor_seconds() - used
        stopped = "unfinished" if claim.resume and seconds < claim.limit else "overran"
        status = "ok" if code == 0 else "failed" if code is not None else stopped
        if code is None and claim.resume:  # a claim that overran continues too, but after all others
            begun.note(seconds)
        else:
            begun.forget()
        output = log.read_text(errors="replace")
        slower = sorted({text.strip() for text in output.splitlines() if "which is slower" in text})
        figures: dict[str, float] = {}
        if status == "ok" and claim.figures is not None:
            try:
                figures = dict(claim.figures(self.work, run))
            except Exception as error:  # any fault of the files that a command wrote
                status, output = "failed", f"{output}\nits figures could not be read: {error!r}"
        figures["seconds"] = seconds
        missed = [str(target) for target in claim.targets if status == "ok" and not target.met(figures)]
        if missed and not self.rehearse:
            status = "missed"
        line |= {"status": status, "figures": figures, "targets": [*map(str, claim.targets)], "missed": missed}
        return line | {"slower ways": slower, "log": output[-LOG_KEPT:]}

    def _process(self, command: list[str], log: Path, limit: float, claim: Claim) -> int | None:
        """The exit code, or None if the limit was reached. No process is left."""
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        home = {"DDKIT_HOME": str(self.work / claim.home), "PYTHONPATH": os.pathsep.join(paths)}
        with log.open("w") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | home | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                if claim.resume:  # a run of ddkit then writes its last checkpoint
                    _signal(process, signal.SIGINT)
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(15)
                return None
            finally:
                _signal(process, signal.SIGKILL)
                process.wait()

    def _fill(self, text: str, claim: Claim) -> str:
        runs = self.work / "runs"
        places = {"{data}": self.data, "{work}": self.work, "{runs}": runs, "{run}": runs / claim.name}
        for name, place in places.items():
            text = text.replace(name, str(place))
        return text

    def _lines(self) -> list[dict[str, Any]]:
        """All earlier lines of this kind (rehearsal or not). A last line that a kill cut off is left out."""
        found = []
        for file in (*self.earlier, self.results):
            for text in file.read_text().splitlines() if file.exists() else ():
                with suppress(json.JSONDecodeError):
                    found.append(json.loads(text))
        return [line for line in found if line.get("rehearsal") == self.rehearse]

    def _write(self, line: Mapping[str, Any]) -> None:
        self.results.parent.mkdir(parents=True, exist_ok=True)
        torn = self.results.exists() and not self.results.read_bytes().endswith(b"\n")
        with self.results.open("a") as results:
            results.write("\n" * torn + json.dumps(line) + "\n")
            results.flush()
            os.fsync(results.fileno())


@dataclass(frozen=True)
class Begun:
    """A file that records a claim that was started: its sources and its seconds so far. After a kill, the ledger
    reads it and continues the claim."""

    file: Path
    digest: str

    def note(self, seconds: float) -> None:
        """Write the seconds so far."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps({"digest": self.digest, "seconds": seconds, "noted": time.time()}))

    def seconds(self, log: Path) -> float | None:
        """The seconds so far; None if the claim was not started, or with other sources. The end of a killed part is the
        time of the last write to its log."""
        try:
            found = json.loads(self.file.read_text())
            if found["digest"] != self.digest:
                return None
            more = log.stat().st_mtime - found["noted"] if log.exists() else 0.0
            return float(found["seconds"]) + max(0.0, more)
        except (OSError, ValueError, KeyError):
            return None

    def forget(self) -> None:
        """Remove the file when the claim has ended."""
        self.file.unlink(missing_ok=True)


def _is_of(line: Mapping[str, Any], claim: Claim, digests: Mapping[str, str]) -> bool:
    return line["claim"] == claim.name and line["digest"] == digests[claim.name]


def _bad(line: Mapping[str, Any]) -> bool:
    return line["status"] in ("failed", "missed", "overran")


def table_row(line: Mapping[str, Any]) -> str:
    """One line of the table."""
    figures = {name: value for name, value in line.get("figures", {}).items() if name != "seconds"}
    texts = [f"{name} {value:.4g}" for name, value in figures.items()]
    texts += ["a slower way was used"] * bool(line.get("slower ways"))
    texts += [f"missed: {target}" for target in line.get("missed", ()) if line["status"] == "missed"]
    seconds = f"{line['seconds']:.0f} s" if "seconds" in line else ""
    return f"{line['claim']:32} {line['status']:12} {seconds:>7}  {'  '.join(texts)}".rstrip()


def _processor_seconds() -> float:
    """Processor seconds of all finished child processes."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
