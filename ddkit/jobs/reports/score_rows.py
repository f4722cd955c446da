"""The rows of a table of scores, read from the JSON of a run, of a set or of a comparison."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeVar

from ddkit.errors import DataError
from ddkit.report import Measured
from ddkit.run import AGAIN

T = TypeVar("T")

ROUNDED = 0.1
"""Percentage points by which a stated mean can differ from that of its scores, as one of them may be rounded."""


@dataclass(frozen=True)
class ShownRow:
    """One row.

    Attributes:
        name: of the set or the rival.
        net: the kind of the networks, for graphs; else "".
        measured: the main metric in %, for charts.
        samples: number of images, or of samples of graphs.
        n: how many networks were trained, or "sets x networks"; "" for a row without networks.
        accuracy: mean and interval in % if the main metric is another one; else "".
        lr: the learning rate as text; "" if the row has none.
        values: the main metric of each network, or its mean over the networks of each of several sets, as fractions.
    """

    name: str
    net: str
    measured: Measured
    samples: int
    n: str
    accuracy: str
    lr: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        """Raise ValueError if a field is none that a row of scores has, or if the values have another mean."""
        if not self.name.strip() or not self.name.isprintable():
            raise ValueError(f"name {self.name!r}")
        if self.samples < 0:
            raise ValueError(f"{self.samples} images or samples")
        if not self.values or not all(-1e-6 <= value <= 1 + 1e-6 for value in self.values):
            raise ValueError(f"scores {list(self.values)}")
        if abs(100 * fmean(self.values) - self.measured.mean) > ROUNDED:
            raise ValueError(f"mean {self.measured.mean:g} % of scores with mean {100 * fmean(self.values):g} %")


def rows_of_set(table: Mapping[str, Any], ours: str, where: str) -> tuple[ShownRow, ...]:
    """The rows of the table of one set.

    Args:
        table: as in `scores.json`.
        ours: the name of the row of a set of graphs. For images it is the first row.
        where: the table's file, for the error line.

    Raises:
        DataError: the table has another form.
    """

    def line(place: int, row: dict[str, Any]) -> ShownRow:
        return _row(row, [row], row.get("gnn", ""), _is_set(place, row, ours))

    return _read(table, "scores", line, where)


def lines_of_comparison(table: Mapping[str, Any], where: str) -> tuple[tuple[str, ShownRow], ...]:
    """(the part of the table, the row) of each line of a comparison. Only sets have seconds of making them.

    Raises:
        DataError: the table has another form.
    """

    def line(_: int, row: dict[str, Any]) -> tuple[str, ShownRow]:
        return _part(row), _row(row, row["scores"], row.get("net", ""), bool(row["seconds"]))

    return _read(table, "lines", line, where)


def notes_of(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The notes of a table; none if they have another form."""
    notes = table.get("notes")
    return tuple(map(str, notes)) if isinstance(notes, list) else ()


@contextmanager
def of_form(where: str, advice: str = AGAIN) -> Iterator[None]:
    """A block that reads a table of another program, whose errors become a DataError about the file `where`."""
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{where}: has another form than this version writes ({error!r}); {advice}") from None


def _read(table: Mapping[str, Any], key: str, read: Callable[[int, dict[str, Any]], T], where: str) -> tuple[T, ...]:
    with of_form(where):
        return tuple(read(place, row) for place, row in enumerate(table[key]))


def _is_set(place: int, row: Mapping[str, Any], ours: str) -> bool:
    return row["name"] == ours if "gnn" in row else place == 0


def _row(row: Mapping[str, Any], scores: Sequence[Mapping[str, Any]], net: str, ours: bool) -> ShownRow:
    first = scores[0]
    graphs = "aucs" in first
    mean, half = row["auc"] if graphs else (row["mean"], row["interval95"])
    accuracy, spread = row["accuracy"] if graphs else (math.nan, None)
    lr, size, networks = first.get("lr"), first.get("size"), len(first["accuracies"])
    figures = [tuple(map(float, score["aucs" if graphs else "accuracies"])) for score in scores]
    trained = bool(net) if graphs else lr is not None
    return ShownRow(
        name=str(row["name"]),
        net=str(net),
        measured=measured(str(row["name"]), mean, half, int(size) if size else None, ours),
        samples=int(first["samples"] if graphs else first["images"]),
        n="" if not trained else f"{len(scores)} x {networks}" if len(scores) > 1 else str(networks),
        accuracy="" if math.isnan(accuracy) else measured("", accuracy, spread, None, ours).text,
        lr="" if lr is None else f"{float(lr):.3g}",
        values=tuple(map(fmean, figures)) if len(figures) > 1 else figures[0],
    )


def measured(name: str, mean: Any, half: Any, size: int | None, ours: bool) -> Measured:
    """The score. NaN for an interval means that there is none.

    Raises:
        ValueError: a number is none that a score has.
    """
    half = None if half is None or math.isnan(half) else 100 * float(half)
    if (
        not -1e-6 <= mean <= 1 + 1e-6
        or (half is not None and not 0 <= half < math.inf)
        or (size is not None and size < 0)
    ):
        raise ValueError(f"mean {mean}, interval {half}, size {size}")
    return Measured(name, 100 * float(mean), half, size, ours)


def _part(line: Mapping[str, Any]) -> str:
    """The part of a comparison's table, in words."""
    if "hops" in line:
        return f"{line['data']}, {line['hops']} hop{'s' if line['hops'] > 1 else ''}"
    images = f"{line['data']}, {line['ipc']} image{'' if line['ipc'] == 1 else 's'} a class"  # uneven: "1 to 5"
    return images + policies(line)


def policies(line: Mapping[str, Any]) -> str:
    """The flips and labels of a comparison's line in words, if they are not the usual ones: ", labels static"."""
    flips = f", flips {float(line['flip_share']):.2g}" if line.get("flip_share") else ""
    labels = line.get("labels", "auto")
    return flips + (f", labels {labels}" if labels not in ("auto", "hard") else "")


def network_of(table: Mapping[str, Any]) -> str:
    """The network of a table or of its row; "" if it names none.

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(net := table.get("net", ""), str):
        raise TypeError(f"'net' must be a text, got {net!r}")
    return net
