"""A ledger of claims: each has a command that shows it. Each runs in a process of its own and leaves a line of JSON.

The ledger starts as many claims as fit into a number of seconds, in their order. A claim that fails or takes too long
is recorded and ends no other one. Claims that are proven for the present sources are skipped, so that a ledger which
was killed, or ran out of time, goes on with what is missing.
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

GOOD = ("ok", "proven", "no time")
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Target:
    """What a figure must reach: `Target("ratio", at_least=15)`."""

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
        name: also names its log and its run folder.
        proves: what it shows, in a sentence.
        command: arguments of the Python interpreter. In all texts {data} is the folder of real data, {work} the
            ledger's work folder, {run} the claim's own run folder, {runs} the folder of all of them.
        seconds: how long it is expected to take on an H100.
        touches: files and folders of the repository; the claim holds for their present content.
        targets: what its figures must reach.
        figures: reads them from the work folder when the command has ended; it is given the run folder too.
        needs: files without which it is not started.
        resume: arguments with which the command goes on in a run folder that holds a part of the work; empty: a claim
            that is cut short begins anew.
        rehearsal: arguments that follow the command's own when it is rehearsed.
        instead: the command of the rehearsal, for a claim whose own has no toy size.
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
    rehearsal: Sequence[str] = ()
    instead: Sequence[str] = ()

    def digest(self) -> str:
        """SHA-256 of the command and of all sources that the claim touches."""
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
    """Claims, and where their outcomes and their work lie.

    Attributes:
        results: file of JSON lines, one for each claim that was started.
        work: folder of logs and run folders. It is DDKIT_HOME's parent, so that experts are shared by claims.
        data: folder of real data.
        facts: what every line says: hardware, versions, commit.
        earlier: further files of results whose proofs count.
        rehearse: run the rehearsal of each claim; such lines prove nothing else, and targets are not judged.
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
        """Start what fits into `seconds` and return a line for each claim, also for those that were not started."""
        end, lines = time.monotonic() + seconds, []
        for claim in self.claims:
            line = self._one(claim, end - time.monotonic(), say)
            lines.append(line)
            say(told(line))
        return lines

    def _one(self, claim: Claim, left: float, say: Callable[[str], None]) -> dict[str, Any]:
        digest = claim.digest()
        line: dict[str, Any] = {"claim": claim.name, "proves": claim.proves, "digest": digest}
        before = [old for old in self._lines() if old["claim"] == claim.name and old["digest"] == digest]
        for old in before:
            if old["status"] == "ok":
                return old | {"status": "proven"}
        missing = [text for need in claim.needs if not Path(text := self._fill(need, claim)).exists()]
        if missing:
            return line | {"status": f"needs {Path(missing[0]).name}"}
        parts = [old for old in before if old["status"] == "unfinished"]
        enough = min(60.0, claim.seconds) if claim.resume else claim.seconds
        if left < (1 if self.rehearse else enough):
            return line | {"status": "no time"}
        say(f"{claim.name}: {claim.proves} (expected {claim.seconds:.0f} s, {left:.0f} s left)")
        line |= self._attempt(claim, min(left, 2 * claim.seconds + 60), bool(parts))
        line["seconds"] += sum(old["seconds"] for old in parts)
        line |= {"rehearsal": self.rehearse, "date": datetime.date.today().isoformat(), **self.facts}
        self._write(line)
        return line

    def _attempt(self, claim: Claim, limit: float, goes_on: bool) -> dict[str, Any]:
        run, log = self.work / "runs" / claim.name, self.work / "logs" / f"{claim.name}.log"
        goes_on = goes_on and run.exists()
        if run.exists() and not goes_on:
            shutil.rmtree(run)  # of other sources, or cut short by a kill of the ledger itself
        log.parent.mkdir(parents=True, exist_ok=True)
        asked = claim.instead or [*claim.command, *claim.rehearsal] if self.rehearse else claim.command
        arguments = [*asked, *(claim.resume if goes_on else ())]
        command = [sys.executable, *(self._fill(text, claim) for text in arguments)]
        begin, used = time.monotonic(), _processor_seconds()
        code = self._process(command, log, limit, gently=bool(claim.resume))
        line: dict[str, Any] = {"seconds": time.monotonic() - begin, "command": arguments}
        line["processor_seconds"] = _processor_seconds() - used
        status = "ok" if code == 0 else "failed" if code is not None else "unfinished" if claim.resume else "overran"
        figures: dict[str, float] = {}
        output = log.read_text(errors="replace")[-LOG_KEPT:]
        if status == "ok" and claim.figures is not None:
            try:
                figures = dict(claim.figures(self.work, run))
            except Exception as error:  # whatever is wrong with the files that a command left
                status, output = "failed", f"{output}\nits figures could not be read: {error!r}"
        figures["seconds"] = line["seconds"]
        missed = [str(target) for target in claim.targets if status == "ok" and not target.met(figures)]
        if missed and not self.rehearse:
            status = "missed"
        targets = [str(target) for target in claim.targets]
        return line | {"status": status, "figures": figures, "targets": targets, "missed": missed, "log": output}

    def _process(self, command: list[str], log: Path, limit: float, gently: bool) -> int | None:
        """The exit code, or None where the limit was reached. No process is left."""
        home = {"DDKIT_HOME": str(self.work / "home"), "PYTHONPATH": str(ROOT)}
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
                if gently:  # a run of ddkit then keeps its last checkpoint
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
        """All earlier lines that count here; a last line that a kill cut short is left out."""
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


def told(line: Mapping[str, Any]) -> str:
    """One line of the table."""
    figures = {name: value for name, value in line.get("figures", {}).items() if name != "seconds"}
    texts = [f"{name} {value:.4g}" for name, value in figures.items()]
    texts += [f"missed: {target}" for target in line.get("missed", ()) if line["status"] == "missed"]
    seconds = f"{line['seconds']:.0f} s" if "seconds" in line else ""
    return f"{line['claim']:32} {line['status']:12} {seconds:>7}  {'  '.join(texts)}".rstrip()


def _processor_seconds() -> float:
    """Of all processes that ended and that this one waited for."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
