"""Charts of scores and of metrics, as SVG. They are 360 units wide, so that a phone shows their texts at full size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ddkit.report.axis import Axis, short
from ddkit.report.blocks import Chart
from ddkit.report.svg import Element, add, drawing, markup

WIDTH = 360.0
BAR_ROW = 40.0
PLOT = 250.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, WIDTH - 12, 10.0, PLOT - 34
"""Where the axes of a plot begin and end."""
MOST_POINTS = 180
"""Points of a curve. Longer curves are averaged over equal stretches."""


@dataclass(frozen=True)
class Measured:
    """A score in a chart.

    Attributes:
        name: of the row.
        mean: in % (or another unit, which the chart names).
        half: half the width of the 95 % interval; None if there is none.
        size: bytes of the training data, if known.
        ours: whether it is the score of a synthetic set, and not of a rival.
    """

    name: str
    mean: float
    half: float | None
    size: int | None
    ours: bool

    @property
    def text(self) -> str:
        """The mean and its interval."""
        return (
            f"{self.mean:.1f}"
            if self.half is None
            else f"{self.mean:.1f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{self.half:.1f}"
        )

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval, within 0 and 100; the mean twice if there is no interval."""
        half = self.half or 0.0
        return max(0.0, self.mean - half), max(self.mean, min(100.0, self.mean + half))


@dataclass(frozen=True)
class Trend:
    """A dashed line in a chart against bytes.

    Attributes:
        name: of what the line shows.
        points: (bytes, score), ascending. Without bytes, the score is a level across the whole chart.
    """

    name: str
    points: tuple[tuple[int | None, float], ...]

    @property
    def text(self) -> str:
        """The name and the scores."""
        return f"{self.name}: {', '.join(f'{score:.1f}' for _, score in self.points)}"


def bars(scores: Sequence[Measured], what: str, caption: str) -> Chart:
    """A horizontal bar from 0 for each score, with its interval as a line. `what` names the unit: "accuracy %"."""
    high = max([1e-9, *(score.ends[1] for score in scores)])
    axis = Axis(0.0, 100.0 if high > 50 else high, 0.0, WIDTH)
    spoken = "; ".join(f"{score.name} {score.text}" for score in scores)
    root = drawing(WIDTH, BAR_ROW * len(scores), f"Bar chart, {what}: {spoken}", "chart")
    for number, score in enumerate(scores):
        top = BAR_ROW * number
        add(root, "text", cut(score.name, 36), x=0, y=top + 14, class_="name ours" if score.ours else "name")
        add(root, "text", score.text, x=WIDTH, y=top + 14, class_="value")
        add(root, "rect", x=0, y=top + 20, width=axis.end, height=12, class_="track")
        add(root, "rect", x=0, y=top + 20, width=axis.place(max(0.0, score.mean)), height=12, class_=_paint(score))
        if score.half is not None:
            left, right = map(axis.place, score.ends)
            middle = top + 26
            path = f"M{left:.1f} {middle - 5}v10M{left:.1f} {middle}H{right:.1f}M{right:.1f} {middle - 5}v10"
            add(root, "path", d=path, class_="interval")
    return Chart(markup(root), caption)


def against_bytes(scores: Sequence[Measured], what: str, caption: str, trends: Sequence[Trend] = ()) -> Chart | None:
    """Scores over the bytes that networks were trained on, on a logarithmic axis. None if fewer than two are known.

    Each point has a number, and each of the `trends` a pattern, which a legend under the axis explains.
    """
    shown = [score for score in scores if score.size]
    corners = [corner for trend in trends for corner in trend.points]
    sizes = [float(size) for size in (*(score.size for score in shown), *(size for size, _ in corners)) if size]
    if len(sizes) < 2:
        return None
    x = Axis.around(sizes, LEFT, RIGHT, log=True)
    y = Axis.around([*(end for score in shown for end in score.ends), *(mean for _, mean in corners)], BOTTOM, TOP)
    spoken = [f"{score.name} {score.size:,} bytes, {score.text}" for score in shown] + [trend.text for trend in trends]
    legend = PLOT + 18 * (len(shown) + len(trends))
    root = drawing(WIDTH, legend, f"{what} against bytes: {'; '.join(spoken)}", "chart")
    _axes(root, x, y, "bytes of training data")
    for number, trend in enumerate(trends):
        _trend(root, x, y, trend, number, legend - 18 * (len(trends) - number - 1) - 6)
    taken: list[tuple[float, float]] = []
    moved = False
    for number, score in enumerate(shown, start=1):
        own, height = x.place(float(score.size or 1)), y.place(score.mean)
        place = _free(own, height, taken)
        taken.append((place, height))
        moved |= place != own
        if score.half is not None:
            low, high = map(y.place, score.ends)
            add(root, "path", d=f"M{place:.1f} {low:.1f}V{high:.1f}", class_="interval")
        _point(root, place, height, number, score)
        line = PLOT + 18 * number - 6
        _point(root, 10.0, line - 4.0, number, score)
        add(root, "text", f"{cut(score.name, 24)}: {score.size:,} bytes, {score.text}", x=24, y=line, class_="small")
    return Chart(markup(root), caption + " Points that would hide each other stand side by side." * moved)


def curve_chart(rows: Sequence[Mapping[str, float | int]], name: str, title: str) -> Chart | None:
    """One metric over the outer iterations, logarithmic if all values are above 0. None if there are fewer than two."""
    points = [(float(row["iteration"]), float(row[name])) for row in rows if math.isfinite(row.get(name, math.nan))]
    if len(points) < 2:
        return None
    every = -(-len(points) // MOST_POINTS)
    stretches = [points[i : i + every] for i in range(0, len(points), every)]
    mean = [tuple(math.fsum(column) / len(part) for column in zip(*part, strict=True)) for part in stretches]
    values = [value for _, value in mean]
    log = min(values) > 0 and max(values) > 3 * min(values)
    x = Axis(points[0][0], points[-1][0], LEFT, RIGHT)
    y = Axis.around(values, BOTTOM, TOP, log)
    said = f"{title} over {len(points)} outer iterations, from {points[0][1]:.4g} to {points[-1][1]:.4g}"
    root = drawing(WIDTH, PLOT, said, "chart")
    _axes(root, x, y, "outer iteration")
    path = "M" + "L".join(f"{x.place(i):.1f} {y.place(value):.1f}" for i, value in mean)
    add(root, "path", d=path, class_="curve")
    scale = ", logarithmic" if log else ""
    averaged = f"; each point is the mean of {every} iterations" if every > 1 else ""
    return Chart(markup(root), f"{said}{scale}{averaged}.")


def cut(text: str, most: int) -> str:
    """The text, or its beginning and dots if it has more than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _trend(root: Element, x: Axis, y: Axis, trend: Trend, number: int, line: float) -> None:
    """A dashed line, and its row of the legend at the height `line`. A single point is a short line, which shows the
    pattern."""
    dashes = " ".join(("6", "3", *("1", "3") * number))
    places = [(x.place(float(size)), y.place(mean)) for size, mean in trend.points if size]
    across = [(end, y.place(mean)) for size, mean in trend.points if not size for end in (LEFT, RIGHT)]
    single = [(places[0][0] + side, places[0][1]) for side in (-14, 14)] if len(places) == 1 else places
    path = "M" + "L".join(f"{own:.1f} {height:.1f}" for own, height in (*single, *across))
    add(root, "path", d=path, class_="trend", stroke_dasharray=dashes)
    for own, height in places:
        add(root, "circle", cx=own, cy=height, r=2.5, class_="rival")
    add(root, "path", d=f"M0 {line - 4:.1f}H20", class_="trend", stroke_dasharray=dashes)
    add(root, "text", cut(trend.text, 50), x=24, y=line, class_="small")


def _free(place: float, height: float, taken: Sequence[tuple[float, float]]) -> float:
    """The place, or one on its right or else on its left where a point hides no other and lies between the axes' ends.

    If there is none, it is the place itself.
    """
    rightwards = [place + 4 * i for i in range(int((RIGHT - place) / 4) + 1)]
    leftwards = [place - 4 * i for i in range(1, int((place - LEFT) / 4) + 1)]
    near = [a for a, b in taken if abs(height - b) < 16]
    return next((x for x in (*rightwards, *leftwards) if all(abs(x - a) >= 16 for a in near)), place)


def _axes(root: Element, x: Axis, y: Axis, below: str) -> None:
    for value in y.ticks():
        add(root, "path", d=f"M{x.begin} {y.place(value):.1f}H{x.end}", class_="grid")
        add(root, "text", short(value), x=x.begin - 5, y=y.place(value) + 4, class_="tick left")
    for value in x.ticks():
        add(root, "path", d=f"M{x.place(value):.1f} {y.begin}v4", class_="grid")
        add(root, "text", short(value), x=x.place(value), y=y.begin + 16, class_="tick")
    add(root, "text", below, x=(x.begin + x.end) / 2, y=y.begin + 31, class_="tick")


def _point(root: Element, x: float, y: float, number: int, score: Measured) -> None:
    """A numbered point: a circle for a set, a square for a rival."""
    if score.ours:
        add(root, "circle", cx=x, cy=y, r=8, class_=_paint(score))
    else:
        add(root, "rect", x=x - 7.5, y=y - 7.5, width=15, height=15, rx=2, class_=_paint(score))
    add(root, "text", str(number), x=x, y=y + 3.5, class_="number")


def _paint(score: Measured) -> str:
    return "set" if score.ours else "rival"
