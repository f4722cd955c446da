"""Run a recipe again and compare its scores with those in its header.

The header is the comment at the beginning of a recipe. It states a score as `NAME MEAN +- INTERVAL`; a remark in
brackets may stand between name and mean:

    #   ftd 93.5 +- 0.8   random-real 71.1 +- 7.5   whole (844 steps) 86.5 +- 0.7

NAME is a row of the table of protocol `honest`; "random-real+2x2" is "random-real, packed 2x2". If
a name occurs twice, the first score counts.
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
    """One row: mean accuracy and half the width of its interval, in %, as stated and now."""

    name: str
    stated: tuple[float, float]
    now: tuple[float, float]

    @property
    def agrees(self) -> bool:
        """Whether the two intervals overlap."""
        return abs(self.stated[0] - self.now[0]) <= self.stated[1] + self.now[1]


@checked
def verify(
    recipe: str | Path,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    device: str = "auto",
    meter: Meter | None = None,
) -> list[Verdict]:
    """Condense and evaluate a recipe once, under its own seed, and compare the table with its header.

    Args:
        recipe: a shipped recipe's name or a TOML file.
        out: the run folder; default runs/verify/RECIPE.
        resume: continue an interrupted verification.
        device, meter: as for `condense`.

    Example:
        >>> all(row.agrees for row in verify("ftd-digits-ipc1"))
        True

    Raises:
        UsageError: the header has no scores, or scores of rows that the recipe does not train; or the folder holds
            another run.
    """
    where, text = find_recipe(recipe)
    kind = kind_of_recipe(None, recipe)
    resolved, _ = kind.resolve(Request(recipe=recipe))
    rows = kind.header_rows(resolved)
    claimed = claims(text, where, set(rows), resolved.evaluate.whole)
    folder = verify_folder(recipe, out)
    earlier = RunFolder(folder)
    if resume and earlier.recipe.exists() and earlier.read_recipe() != to_toml(resolved):
        raise UsageError(f"folder '{folder}': holds a run of another recipe than {where}; choose another --out")
    found = condense(recipe=recipe, out=folder, resume=resume, device=device, meter=meter).evaluation
    assert found is not None
    now: dict[str, tuple[float, float]] = {}  # in a table of graphs, the scores of the first network
    for score in found.scores:
        now.setdefault(score.name, (100 * score.mean, 100 * score.interval))
    if missing := [name for name in claimed if rows[name] not in now]:
        raise UsageError(f"{where}: its header has a score of '{missing[0]}', whose bytes are too few for one graph")
    return [Verdict(name, score, now[rows[name]]) for name, score in claimed.items()]


def claims(text: str, where: str, rows: set[str], whole: bool) -> dict[str, tuple[float, float]]:
    """The scores in a recipe's header; see `header_scores`.

    Args:
        text: the recipe.
        where: its name in error lines.
        rows: names of the table's rows.
        whole: whether the evaluation trains on the whole data.

    Raises:
        UsageError: there are no scores, or there is one of the whole data although `whole` is False.
    """
    claimed = header_scores(text, rows)
    if not claimed:
        raise UsageError(
            f"{where}: its header has no scores to compare with; they have the form '# ftd 93.5 +- 0.8', and only "
            f"recipes that were measured have them"
        )
    if "whole" in claimed and not whole:
        raise UsageError(
            f"{where}: its header has a score of 'whole', but evaluate.whole is false; remove the score, or set "
            "evaluate.whole=true"
        )
    return claimed


def verify_folder(recipe: str | Path, out: str | Path | None) -> Path:
    """The run folder of a verification: `out`, or runs/verify/RECIPE if that is None."""
    return Path(out) if out is not None else Path("runs") / "verify" / Path(recipe).name.removesuffix(".toml")


def header_scores(text: str, rows: set[str]) -> dict[str, tuple[float, float]]:
    """Row -> (mean, interval) in %, for the scores in a recipe's header."""
    found: dict[str, tuple[float, float]] = {}
    for line in _header(text):
        for name, mean, interval in SCORE.findall(line):
            if name in rows:
                found.setdefault(name, (float(mean), float(interval)))
    return found


def _header(text: str) -> Iterator[str]:
    """The lines of the comment at the beginning of a recipe."""
    return takewhile(lambda line: line.startswith("#"), text.splitlines())


def measured_on(text: str) -> str:
    """The hardware that a recipe's header names after "Measured on"; "" if it names none."""
    found = MEASURED.search(" ".join(line.lstrip("# ") for line in _header(text)))
    return found[1].strip(" .") if found else ""


def where_measured(recipe: str | Path) -> list[str]:
    """Lines that name the hardware of the header's scores and of the new ones, and explain small differences."""
    here = environment(torch.device("cpu"))
    then = measured_on(find_recipe(recipe)[1]) or "an unnamed machine"
    return [
        f"header: measured on {then}",
        f"now: {here['processor']} ({here['cores']} cores, {here['threads']} threads), torch {here['torch']}",
        "sets are equal to the byte only under equal processor features, threads and versions; otherwise rounding "
        "differs, and iterations can enlarge the difference, so the comparison is of the intervals",
    ]
