"""Leaderboards: the sets of each dataset in one order, from their score files."""

import re
from collections.abc import Sequence
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.jobs.reports import board_page, one_of_each, read_standings
from ddkit.report import write_markdown, write_page
from ddkit.run import Meter, SilentMeter, refuse_no_folder
from ddkit.synth import list_sets


@checked
def leaderboard(
    sources: Sequence[str | Path] = (), out: str | Path = "leaderboard", meter: Meter | None = None
) -> tuple[Path, ...]:
    """Write one page for each dataset of the sources, as HTML and as Markdown, and return the HTML files.

    A page has the sets in the order of their scores under protocol honest, with bytes, seconds, the gain over random
    real data, the mean over other networks and DD-Ranking's scores; a chart against bytes; and, apart, figures of
    others. Nothing is trained or measured.

    Args:
        sources: sets (files, run folders or names of ready-made sets), folders of comparisons, JSON files of
            `ddkit compare --json` and `ddkit evaluate --json`, score files (docs/results/scores), and folders of such
            files; default all ready-made sets. The same measurement in two sources is one row. A file of
            `ddkit evaluate --cross` gives a set's scores under other networks.
        out: the folder of the pages.
        meter: gets a line for each table that has no place on a leaderboard, and why; the pages have it too.

    Example:
        >>> leaderboard(["runs/compare", "digits-ftd-ipc1"], out="boards")
        (PosixPath('boards/digits.html'),)

    Raises:
        UsageError: no source has an honest score.
        DataError: a source is missing or damaged, or a page cannot be written.
    """
    folder = Path(out)
    refuse_no_folder(folder)
    missing: list[str] = []
    standings = one_of_each([one for source in sources or list_sets() for one in read_standings(source, missing)])
    if not standings:
        raise UsageError(f"leaderboard: no source has an honest score on the test part. {' '.join(missing)}".strip())
    for line in missing:
        (meter or SilentMeter()).say(line)
    pages = _files(folder, sorted({one.data.lower() for one in standings}))
    for data, file in pages.items():
        page = board_page(data, [one for one in standings if one.data.lower() == data], missing)
        folder.mkdir(parents=True, exist_ok=True)
        write_page(page, file)
        write_markdown(page, file.with_suffix(".md"))
    return tuple(pages.values())


def _files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """The page of each dataset. Datasets whose names differ in signs only have numbered pages."""
    stems: dict[str, str] = {}
    for name in names:
        stem = plain = re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "data"
        number = 1
        while stem in stems.values():
            number += 1
            stem = f"{plain}-{number}"
        stems[name] = stem
    return {name: folder / f"{stem}.html" for name, stem in stems.items()}
