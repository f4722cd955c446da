"""The pages' charts: figures with their intervals as dots on lines, drawn by matplotlib as SVG.

A chart is small and has a white background, so that it is readable on a dark page. Its colours are distinct for
colour-blind readers (Okabe and Ito). The file's description has the title and the figures. A test compares it with the
score files, for any version of matplotlib.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from score_file import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
SHAPES = "oDs^"
PALE = {"color": COLOURS[0], "markersize": 4, "alpha": 0.35, "markeredgewidth": 0}


@dataclass(frozen=True)
class Panel:
    """One field of a chart: for each line the figures of the series; None where a figure is missing.

    `lines` maps the text on the left to {name of the series: figure}. `mark` is the name and figure of a vertical line
    across all lines, such as the score of the whole data.
    """

    title: str
    lines: Mapping[str, Mapping[str, Figure | None]]
    mark: tuple[str, Figure] | None = None


@dataclass(frozen=True)
class Picture:
    """A chart: the name of its file, its title, its panels, the label of the axis, and the number of columns."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    axis: str
    columns: int = 2

    def description(self) -> str:
        """Title and figures as text, for the description in the chart's file."""
        shown: dict[str, dict[str, str]] = {}
        for panel in self.panels:
            figures = {f"{line}, {name}": str(x) for line, marks in panel.lines.items() for name, x in marks.items()}
            shown[panel.title] = figures | ({panel.mark[0]: str(panel.mark[1])} if panel.mark else {})
        return json.dumps({"title": self.title, "axis": self.axis, "panels": shown}, ensure_ascii=False)


@dataclass(frozen=True)
class Scatter:
    """A chart of figures over bytes, on a logarithmic axis.

    Attributes:
        name, title: of its file and of the chart.
        points: (name, bytes, figure). The best point of each size is named in the chart.
        lines: of real data, name -> (bytes, %), ascending; dotted if the name ends with ", packed ...", else dashed.
            Without bytes, a line is a level across the chart.
        axis, below: labels of the axes.
    """

    name: str
    title: str
    points: tuple[tuple[str, int, Figure], ...]
    lines: Mapping[str, tuple[tuple[int | None, float], ...]]
    axis: str
    below: str

    def description(self) -> str:
        """Title and figures as text, for the description in the chart's file."""
        points = [[name, size, str(figure)] for name, size, figure in self.points]
        lines = {name: [[size, f"{mean:.1f}"] for size, mean in line] for name, line in self.lines.items()}
        shown = {"title": self.title, "axis": self.axis, "points": points, "lines": lines}
        return json.dumps(shown, ensure_ascii=False)


def draw(picture: Picture | Scatter, folder: Path) -> None:
    """Write the chart to NAME.svg."""
    style = {"svg.fonttype": "none", "svg.hashsalt": picture.name, "font.size": 9, "font.family": "sans-serif"}
    with matplotlib.rc_context(style):
        sheet = _panels(picture) if isinstance(picture, Picture) else _scatter(picture)
        sheet.suptitle(picture.title, fontsize=11, fontweight="bold")
        metadata = {"Date": None, "Title": picture.title, "Description": picture.description()}
        sheet.savefig(folder / f"{picture.name}.svg", format="svg", facecolor="white", metadata=metadata)


def _panels(picture: Picture) -> Sheet:
    """The panels of a chart. Each has its own range of numbers."""
    panels, columns = picture.panels, picture.columns
    rows = -(-len(panels) // columns)
    most = max(len(panel.lines) for panel in panels)
    series = list(dict.fromkeys(name for panel in panels for marks in panel.lines.values() for name in marks))
    beside = max(len(marks) for panel in panels for marks in panel.lines.values())
    height = rows * ((0.14 + 0.1 * beside) * most + 0.65) + 0.7
    sheet = Sheet(figsize=(8, height), layout="constrained")
    axes = sheet.subplots(rows, columns, squeeze=False)
    for place, panel in zip(axes.flat, panels, strict=False):
        _fill(place, panel, series)
    for place in axes.flat[len(panels) :]:
        place.set_visible(False)
    for place in axes[-1]:
        place.set_xlabel(picture.axis)
    if len(series) > 1 or panels[0].mark:
        handles = {h.get_label(): h for place in axes.flat for h in place.get_legend_handles_labels()[0]}
        below = {"loc": "outside lower center", "ncols": len(handles), "frameon": False}
        sheet.legend(handles.values(), handles.keys(), **below)
    return sheet


def _best_of_each_size(points: Sequence[tuple[str, int, Figure]]) -> list[tuple[str, int, Figure]]:
    """The best point of each group of sizes, in which neighbours differ by a factor of at most 1.5."""
    groups: list[list[tuple[str, int, Figure]]] = []
    for point in sorted(points, key=lambda one: one[1]):
        if not groups or point[1] > 1.5 * groups[-1][-1][1]:
            groups.append([])
        groups[-1].append(point)
    return [max(group, key=lambda one: one[2].mean) for group in groups]


def _scatter(picture: Scatter) -> Sheet:
    """All points are pale; the best of each size has a name and its interval."""
    sheet = Sheet(figsize=(8, 4.5), layout="constrained")
    place = sheet.subplots()
    place.set_xscale("log")
    kinds = list(dict.fromkeys(name.partition(", ")[0] for name, line in picture.lines.items() if line[0][0]))
    for name, line in picture.lines.items():
        kind, _, packed = name.partition(", ")
        colour = COLOURS[1 + kinds.index(kind) % 3] if kind in kinds else ""
        look = {"color": colour, "linewidth": 1, "linestyle": ":" if packed else "--"}
        if level := [mean for size, mean in line if size is None]:
            place.axhline(level[0], color="#666666", linewidth=1, linestyle="--", label=name)
        else:
            place.plot([size for size, _ in line], [mean for _, mean in line], label=name, marker=".", **look)
    place.plot(*zip(*((size, figure.mean) for _, size, figure in picture.points), strict=True), "o", **PALE)
    for name, size, figure in _best_of_each_size(picture.points):
        look = {"color": COLOURS[0], "markersize": 5, "capsize": 2}
        place.errorbar(size, figure.mean, yerr=figure.interval, fmt="o", **look)
        place.annotate(name, (size, figure.mean), (0, 12), textcoords="offset points", ha="center", fontsize=8)
    place.set_xlabel(picture.below)
    place.set_ylabel(picture.axis)
    place.grid(color="#dddddd", linewidth=0.6)
    place.spines[["top", "right"]].set_visible(False)
    place.margins(x=0.08, y=0.1)
    sheet.legend(loc="outside lower center", ncols=max(1, min(4, len(picture.lines))), frameon=False)
    return sheet


def _fill(place: Axes, panel: Panel, series: Sequence[str]) -> None:
    drawn: set[str] = set()
    for i, marks in enumerate(panel.lines.values()):
        shown = {name: figure for name, figure in marks.items() if figure is not None}
        for k, (name, figure) in enumerate(shown.items()):
            place.errorbar(
                figure.mean,
                i + (k - (len(shown) - 1) / 2) * 0.22,
                xerr=figure.interval,
                fmt=SHAPES[series.index(name)],
                color=COLOURS[series.index(name)],
                markersize=4,
                capsize=2,
                label=None if name in drawn else name,
            )
            drawn.add(name)
    if panel.mark:
        name, figure = panel.mark
        place.axvline(figure.mean, color="#666666", linewidth=1, linestyle="--", label=name)
    place.set_yticks(range(len(panel.lines)), panel.lines.keys())
    place.set_ylim(len(panel.lines) - 0.5, -0.5)
    place.set_title(panel.title, fontsize=9)
    place.grid(axis="x", color="#dddddd", linewidth=0.6)
    place.spines[["top", "right"]].set_visible(False)
