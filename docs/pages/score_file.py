"""Score files: files of measured figures. This module reads and writes them, and finds rows.

A score file is JSON. It has facts about the measurement (`FACTS`, texts), `rows`, and `figures` of the whole
measurement, such as the minutes of the command. A row has texts and numbers under any names. Shares (`mean`,
`interval95`) are fractions, as ddkit writes them.

A row stands on the leaderboard (`ddkit leaderboard FILE`) if it has `name`, `data`, `images` (that networks are trained
on) and `mean`. It then shows `net`, `bytes`, `seconds`, `seconds of experts`, `n`, `values` (the mean of each set, or
the score of each network of one set; for the intervals of gains) and `ddranking`. `data`, `net` and `n` may be facts.
A row of real images is a rival of the sets that have the same `data`, `net`, `ipc` (or `images`, if there is no `ipc`),
`flips` and `labels`. The row `whole` is a rival of all sets with its `data` and `net`.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCORES = Path(__file__).parents[1] / "results" / "scores"
BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "results"

FACTS = ("command", "n", "interval", "hardware", "software", "commit", "origin")
"""Facts in every score file: the command; the meaning of n; what the 95 % intervals (Student's t) are over; processor
or GPU, and other work on the machine; versions; the measured commit (for transcribed figures, the commit that recorded
them); the origin of the figures."""

Row = dict[str, Any]


class NoSuchRow(LookupError):
    """A page uses a row or a figure that the score file does not have."""


@dataclass(frozen=True)
class Figure:
    """A mean in % and half the width of its 95 % interval, printed as `93.4 ± 1.8`, without interval as `10.0`."""

    mean: float
    interval: float | None = None

    def __str__(self) -> str:
        return f"{self.mean:.1f}" if self.interval is None else f"{self.mean:.1f} ± {self.interval:.1f}"

    def above(self, other: "Figure") -> float:
        """Percentage points above another figure, from the printed (rounded) means."""
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
        """The measurement of a file. Before its first measurement a file has no rows."""
        table = json.loads((SCORES / f"{name}.json").read_text())
        facts = {key: value for key, value in table.items() if key not in ("rows", "figures")}
        return ScoreFile(name, facts, tuple(table.get("rows", ())), table.get("figures", {}))

    def write(self) -> None:
        """Write one row a line, so that a changed row is a changed line."""
        rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False)}" for row in self.rows)
        head = json.dumps(self.facts | {"figures": self.figures}, indent=1, ensure_ascii=False).removesuffix("\n}")
        (SCORES / f"{self.name}.json").write_text(f'{head},\n "rows": [\n{rows}\n ]\n}}\n')

    def find(self, **wanted: Any) -> Row | None:
        """The only row with these values, or None. A row that lacks one of the names does not match."""
        found = [row for row in self.rows if all(key in row and row[key] == value for key, value in wanted.items())]
        if len(found) > 1:
            raise NoSuchRow(f"{self.name}: {len(found)} rows have {wanted}")
        return found[0] if found else None

    def get(self, name: str | None = None, **wanted: Any) -> Figure:
        """The score of a row; NoSuchRow if it is missing."""
        if name is not None:
            wanted = {"name": name} | wanted
        row = self.find(**wanted)
        if row is None:
            raise NoSuchRow(f"{self.name}: no row has {wanted}")
        return figure_of(row)

    def figure(self, name: str) -> Any:
        """A figure of the whole measurement; NoSuchRow if it is missing."""
        if name not in self.figures:
            raise NoSuchRow(f"{self.name}: no figure is called {name}")
        return self.figures[name]


def figure_of(row: Row) -> Figure:
    interval = row.get("interval95")
    return Figure(100 * row["mean"], None if interval is None else 100 * interval)


def read_benchmark(script: str, folder: str = "") -> dict[str, ScoreFile]:
    """The lines of a benchmark in benchmarks/results, each as a score file with the name SCRIPT-ROW or SCRIPT-ROW-NORM.

    A line without a row's name is from CUDA and is named after its batch. Of lines with equal names the last is used.

    Args:
        folder: a folder of benchmarks/results for another processor; the names then begin with it: FOLDER-SCRIPT-ROW.
    """
    found = {}
    for line in (BENCHMARKS / folder / f"{script}.jsonl").read_text().splitlines():
        kept = json.loads(line)
        row = kept.get("row") or (f"cuda-{kept['batch']}" if kept.get("device") == "cuda" else "")
        parts, device = (folder, script, row, kept.get("norm")), kept["environment"]["device"]
        name = "-".join(part for part in parts if part)
        own = {"matching": " --ipc 1 10 50"}.get(script, " --experts 2" if kept.get("experts") == 2 else "")
        options = f" --norms {kept['norm']}" if "norm" in kept else own
        facts = {
            "command": f"python benchmarks/{script}.py {kept.get('row', '')}".strip() + options,
            "n": f"{kept['repeats']} alternating runs, medians" if kept["repeats"] > 1 else "one run",
            "interval": "none",
            "hardware": kept["host"] if device == "cpu" else f"one {device}",
            "software": f"torch {kept['environment']['torch'].rsplit('.', 1)[0]}",
            "commit": kept["commit"],
            "origin": f"kept by benchmarks/{script}.py in benchmarks/results/{folder and f'{folder}/'}{script}.jsonl",
        }
        facts |= {"kept": str(kept["kept"])} if "kept" in kept else {}  # MiB for kept steps
        rows = kept.get("rows") or kept["engines"]
        found[name] = ScoreFile(name, facts, tuple({"name": key} | row for key, row in rows.items()))
    return found


def read_all() -> dict[str, ScoreFile]:
    """Every score file, and every line of the benchmarks in benchmarks/results, by name."""
    found = {file.stem: ScoreFile.read(file.stem) for file in sorted(SCORES.glob("*.json"))}
    for script in ("unroll", "experts", "matching", "mirage", "collab"):
        found |= read_benchmark(script)
    for script in ("unroll", "steps"):
        found |= read_benchmark(script, "epyc")
    return found
