"""Files of measured figures: how they are read, how one figure is written, how a row is found.

A score file is JSON: what was measured and how (`FACTS`, texts), `rows`, and `figures` that belong to the whole
measurement (minutes of the command, for example). A row holds texts and numbers under names of its own choice. Shares
(`mean`, `interval95`) are fractions, as ddkit writes them.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCORES = Path(__file__).parents[1] / "results" / "scores"
BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "results"

FACTS = ("command", "n", "interval", "hardware", "software", "commit", "origin")
"""What every score file says: the command; what the n are; what the 95 % intervals (Student's t) are over; processor
or GPU, and what else ran; versions; the commit whose code was measured (of transcribed figures: the one that recorded
them); how the figures came into the file."""

Row = dict[str, Any]


class NoSuchRow(LookupError):
    """A page asks for a row or a figure that the score file does not hold."""


@dataclass(frozen=True)
class Figure:
    """A mean in % with half the width of its 95 % interval; printed as `93.4 ± 1.8`, without interval as `10.0`."""

    mean: float
    interval: float | None = None

    def __str__(self) -> str:
        return f"{self.mean:.1f}" if self.interval is None else f"{self.mean:.1f} ± {self.interval:.1f}"

    def above(self, other: "Figure") -> float:
        """Percentage points above another, as the two print."""
        return round(round(self.mean, 1) - round(other.mean, 1), 1)


@dataclass(frozen=True)
class ScoreFile:
    """One measurement: `facts` (texts), `rows`, `figures`."""

    name: str
    facts: dict[str, str]
    rows: tuple[Row, ...]
    figures: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def read(name: str) -> "ScoreFile":
        table = json.loads((SCORES / f"{name}.json").read_text())
        facts = {key: value for key, value in table.items() if key not in ("rows", "figures")}
        return ScoreFile(name, facts, tuple(table["rows"]), table.get("figures", {}))

    def write(self) -> None:
        """One row a line, so that a change of a row is a change of a line."""
        rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in self.rows)
        head = json.dumps(self.facts | {"figures": self.figures}, indent=1, ensure_ascii=False).removesuffix("\n}")
        (SCORES / f"{self.name}.json").write_text(f'{head},\n "rows": [\n{rows}\n ]\n}}\n')

    def find(self, **wanted: Any) -> Row | None:
        """The one row with these values; a row without one of the names does not match; None if there is none."""
        found = [row for row in self.rows if all(key in row and row[key] == value for key, value in wanted.items())]
        if len(found) > 1:
            raise NoSuchRow(f"{self.name}: {len(found)} rows have {wanted}")
        return found[0] if found else None

    def get(self, name: str | None = None, **wanted: Any) -> Figure:
        """The score of a row, which must be there."""
        if name is not None:
            wanted = {"name": name} | wanted
        row = self.find(**wanted)
        if row is None:
            raise NoSuchRow(f"{self.name}: no row has {wanted}")
        return figure_of(row)

    def figure(self, name: str) -> Any:
        """A figure of the whole measurement, which must be there."""
        if name not in self.figures:
            raise NoSuchRow(f"{self.name}: no figure is called {name}")
        return self.figures[name]


def figure_of(row: Row) -> Figure:
    interval = row.get("interval95")
    return Figure(100 * row["mean"], None if interval is None else 100 * interval)


def read_benchmark(script: str) -> dict[str, ScoreFile]:
    """The lines that a benchmark kept in benchmarks/results, each as a score file, named SCRIPT-ROW.

    A line without a row's name is one of CUDA; it is named after its batch. Of lines with one name the last counts.
    """
    found = {}
    for line in (BENCHMARKS / f"{script}.jsonl").read_text().splitlines():
        kept = json.loads(line)
        row = kept.get("row") or (f"cuda-{kept['batch']}" if kept.get("device") == "cuda" else "")
        name, device = f"{script}-{row}".removesuffix("-"), kept["environment"]["device"]
        options = " --ipc 1 10 50" if script == "matching" else " --experts 2" if kept.get("experts") == 2 else ""
        facts = {
            "command": f"python benchmarks/{script}.py {kept.get('row', '')}".strip() + options,
            "n": f"{kept['repeats']} alternating runs, medians",
            "interval": "none",
            "hardware": kept["host"] if device == "cpu" else f"one {device}",
            "software": f"torch {kept['environment']['torch'].rsplit('.', 1)[0]}",
            "commit": kept["commit"],
            "origin": f"kept by benchmarks/{script}.py in benchmarks/results/{script}.jsonl",
        }
        facts |= {"kept": str(kept["kept"])} if "kept" in kept else {}  # MiB for kept steps
        rows = kept.get("rows") or kept["engines"]
        found[name] = ScoreFile(name, facts, tuple({"name": key} | row for key, row in rows.items()))
    return found


def read_all() -> dict[str, ScoreFile]:
    """Every score file, and every kept line of the benchmarks that a page shows, by its name."""
    found = {file.stem: ScoreFile.read(file.stem) for file in sorted(SCORES.glob("*.json"))}
    for script in ("unroll", "experts", "matching", "mirage"):
        found |= read_benchmark(script)
    return found
