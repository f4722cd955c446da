"""Hold a recipe to the scores in its header: run it again and compare.

A header is the comment that a recipe begins with. It tells a score as `NAME MEAN +- INTERVAL`, with a remark in
brackets between name and mean where one is needed, as in

    #   ftd 93.5 +- 0.8   random-real 71.1 +- 7.5   whole (844 steps) 86.5 +- 0.7

NAME is a row of the table of protocol `honest`; of a name that stands there twice the first score counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import torch

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.jobs.condense import condense
from ddkit.jobs.kinds import kind_of_recipe
from ddkit.jobs.machine.environment import environment
from ddkit.jobs.recipes import to_toml
from ddkit.jobs.recipes.request import Request
from ddkit.recipe_files import find_recipe
from ddkit.run import Meter, RunFolder

MEASURED = re.compile(r"Measured on ([^;:]*)")
SCORE = re.compile(r"(?<!\S)([\w+-]+)(?: \([^)]*\))? (\d+(?:\.\d+)?) \+- (\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Verdict:
    """One row: mean accuracy and half the width of its interval, in %, in the header and now."""

    name: str
    header: tuple[float, float]
    now: tuple[float, float]

    @property
    def agrees(self) -> bool:
        """Whether the two intervals meet."""
        return abs(self.header[0] - self.now[0]) <= self.header[1] + self.now[1]


@checked
def verify(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    meter: Meter | None = None,
) -> list[Verdict]:
    """Condense and evaluate a recipe once, under its own seed, and hold the table against its header.

    Args:
        recipe: a shipped recipe's name or a TOML file.
        out: the run folder; default runs/verify/RECIPE.
        resume: go on with a verification that was killed.
        device, meter: as for `condense`.

    Example:
        >>> all(row.agrees for row in verify("ftd-digits-ipc1"))
        True

    Raises:
        UsageError: the header tells no scores, or of rows that are not trained; or the folder holds another run.
    """
    where, text = find_recipe(recipe)
    kind = kind_of_recipe(None, recipe)
    resolved, _ = kind.resolve(Request(recipe=recipe))
    rows = kind.header_rows(resolved)
    claimed = claims(text, where, set(rows), resolved.evaluate.whole)
    folder = verify_folder(recipe, out)
    before = RunFolder(folder)
    if resume and before.recipe.exists() and before.read_recipe() != to_toml(resolved):
        raise UsageError(f"folder '{folder}': holds a run of another recipe than {where}; choose another --out")
    found = condense(recipe=recipe, out=folder, resume=resume, device=device, meter=meter).evaluation
    assert found is not None
    now: dict[str, tuple[float, float]] = {}  # of graphs the scores of the first network
    for score in found.scores:
        now.setdefault(score.name, (100 * score.mean, 100 * score.interval))
    if missing := [name for name in claimed if rows[name] not in now]:
        raise UsageError(f"{where}: its header tells of '{missing[0]}', into whose bytes not one graph fits")
    return [Verdict(name, score, now[rows[name]]) for name, score in claimed.items()]


def claims(text: str, where: str, rows: set[str], whole: bool) -> dict[str, tuple[float, float]]:
    """`header_scores`, of which there are some, and none of the whole data where it is not trained on.

    Raises:
        UsageError: it is otherwise.
    """
    claimed = header_scores(text, rows)
    if not claimed:
        raise UsageError(
            f"{where}: its header tells no scores to hold it to; they look like '# ftd 93.5 +- 0.8', and only "
            f"recipes that were measured have them"
        )
    if "whole" in claimed and not whole:
        raise UsageError(f"{where}: its header tells of 'whole', which its evaluation does not train; see [evaluate]")
    return claimed


def verify_folder(recipe: str | Path, out: str | Path | None) -> Path:
    """Where a verification runs: `out`, else runs/verify/RECIPE."""
    return Path(out) if out is not None else Path("runs") / "verify" / Path(recipe).name.removesuffix(".toml")


def header_scores(text: str, rows: set[str]) -> dict[str, tuple[float, float]]:
    """Row -> (mean, interval) in % of the scores that a recipe's header tells."""
    found: dict[str, tuple[float, float]] = {}
    for line in _header(text):
        for name, mean, interval in SCORE.findall(line):
            if name in rows:
                found.setdefault(name, (float(mean), float(interval)))
    return found


def _header(text: str) -> Iterator[str]:
    """The lines of the comment that a recipe begins with."""
    return takewhile(lambda line: line.startswith("#"), text.splitlines())


def measured_on(text: str) -> str:
    """What a recipe's header was measured on, in its own words; "" where it names nothing."""
    found = MEASURED.search(" ".join(line.lstrip("# ") for line in _header(text)))
    return found[1].strip(" .") if found else ""


def where_measured(recipe: str | Path) -> list[str]:
    """Lines on where the header's figures and the new ones come from, and on what they may differ by."""
    here = environment(torch.device("cpu"))
    then = measured_on(find_recipe(recipe)[1]) or "a machine that it does not name"
    return [
        f"header: measured on {then}",
        f"now: {here['processor']} ({here['cores']} cores, {here['threads']} threads), torch {here['torch']}",
        "equal bytes hold for equal processor features, threads and versions; elsewhere a set differs in its last "
        "digits, which iterations can enlarge, so what must meet are the intervals",
    ]
