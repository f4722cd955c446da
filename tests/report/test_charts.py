"""Charts: where marks are drawn, against the numbers that they stand for."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from report_pages import SCORES

from ddkit.report import Chart, Measured, Trend, against_bytes, bars, curve_chart
from ddkit.report.axis import Axis, short


def drawn(chart: Chart | None, tag: str, kind: str) -> list[ElementTree.Element]:
    assert chart is not None
    return [e for e in ElementTree.fromstring(chart.svg).iter(tag) if e.get("class") == kind]


def test_bars_are_as_long_as_their_scores() -> None:
    chart = bars(SCORES, "accuracy %", "")
    track, *_ = drawn(chart, "rect", "track")
    full = float(track.get("width", 0))
    found = [*drawn(chart, "rect", "set"), *drawn(chart, "rect", "rival")]
    lengths = [float(bar.get("width", 0)) / full * 100 for bar in found]
    assert lengths == pytest.approx([score.mean for score in SCORES], abs=0.01)
    intervals = [
        list(map(float, re.findall(r"(?:M|H)([\d.]+)", e.get("d", "")))) for e in drawn(chart, "path", "interval")
    ]
    wanted = [score.ends for score in SCORES if score.half is not None]
    assert [(p[1] / full * 100, p[2] / full * 100) for p in intervals] == [pytest.approx(w, abs=0.1) for w in wanted]
    assert wanted[3] == (99.1, 100.0)  # an accuracy is at most 100


def test_the_alternative_text_of_bars_has_every_score() -> None:
    label = ElementTree.fromstring(bars(SCORES, "accuracy %", "").svg).get("aria-label", "")
    assert all(f"{score.name} {score.text}" in label for score in SCORES)


def test_points_stand_at_their_bytes_and_scores() -> None:
    chart = against_bytes(SCORES, "accuracy %", "")
    (own, key), rivals = drawn(chart, "circle", "set"), drawn(chart, "rect", "rival")
    assert len(rivals) == 6 and key.get("cx") == "10"  # three points and three keys; a row without bytes has none
    x = [float(own.get("cx", 0)), *(float(e.get("x", 0)) + 7.5 for e in rivals[::2])]
    y = [float(own.get("cy", 0)), *(float(e.get("y", 0)) + 7.5 for e in rivals[::2])]
    sizes = [score.size or 0 for score in SCORES[:4]]
    # logarithmic: equal ratios are equal distances
    assert (x[0] - x[1]) / (x[3] - x[1]) == pytest.approx(math.log(4) / math.log(sizes[3] / sizes[1]), abs=0.01)
    assert (y[1] - y[0]) / (y[1] - y[3]) == pytest.approx((93.5 - 71.1) / (99.6 - 71.1), abs=0.01)


def test_points_do_not_hide_each_other() -> None:
    same = [Measured(f"r{i}", 50.0, None, 1000, False) for i in range(5)]
    places = [float(e.get("x", 0)) for e in drawn(against_bytes(same, "accuracy %", ""), "rect", "rival")[::2]]
    assert all(b - a >= 15 for a, b in pairwise(places))
    assert against_bytes(same[:1], "accuracy %", "") is None


def test_points_that_are_moved_stay_on_the_chart() -> None:
    """All sets have more bytes than the rival, so that their points are on the right."""
    scores = [Measured("random-real", 50.0, None, 640, False), *[Measured("dm", 60.0, None, 2560, True)] * 12]
    circles = drawn(against_bytes(scores, "accuracy %", ""), "circle", "set")[::2]
    places = sorted(float(circle.get("cx", 0)) for circle in circles)
    assert 44 <= places[0] and places[-1] <= 348
    assert all(b - a >= 15 for a, b in pairwise(places))


def test_a_curve_goes_through_the_means_of_its_stretches() -> None:
    rows = [{"iteration": i, "loss": 2.0 + math.sin(i)} for i in range(360)]
    chart = curve_chart(rows, "loss", "matching loss")
    (path,) = drawn(chart, "path", "curve")
    points = re.findall(r"([\d.]+) ([\d.]+)", path.get("d", ""))
    assert len(points) == 180 and chart is not None and "mean of 2 iterations" in chart.caption
    assert "from 2 to" in chart.caption
    heights = [float(y) for _, y in points]
    means = [(rows[i]["loss"] + rows[i + 1]["loss"]) / 2 for i in range(0, 360, 2)]
    slope = (heights[1] - heights[0]) / (means[1] - means[0])
    assert slope < 0  # up on the page
    ratio = (heights[-1] - heights[0]) / (means[-1] - means[0])
    assert ratio == pytest.approx(slope, rel=0.05)


def test_a_curve_needs_two_finite_values() -> None:
    rows = [{"iteration": 0, "loss": math.nan}, {"iteration": 1, "loss": 1.0}]
    assert curve_chart(rows, "loss", "loss") is None
    assert curve_chart(rows, "other", "other") is None
    assert curve_chart([*rows, {"iteration": 2, "loss": 1.0}], "loss", "loss") is not None  # a constant


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "values", [(0.5, 0.5), (1e-9, 3e9), (70.0, 71.0), (640.0, 82880.0), (5.0, 5000.0), (1.0, 1e308), (1e-308, 1.0)]
)
def test_ticks_are_few_and_on_the_axis(values: tuple[float, float], log: bool) -> None:
    axis = Axis.around(values, 0.0, 100.0, log)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 8 and all(axis.low <= tick <= axis.high for tick in ticks)
    assert axis.place(axis.low) == pytest.approx(0) and axis.place(axis.high) == pytest.approx(100)


def test_the_largest_values_are_drawn_at_the_border() -> None:
    axis = Axis.around((-1e308, 1e308), 0.0, 100.0)
    assert 1 <= len(axis.ticks()) <= 8
    assert 0 <= axis.place(-1e308) < axis.place(0.0) < axis.place(1e308) <= 100
    assert Axis.around((0.0, 5e-324), 0.0, 100.0).ticks()


def test_short_numbers() -> None:
    assert [short(value) for value in (0.05, 12.0, 3000.0, 2.5e6, 1e9)] == ["0.05", "12", "3k", "2.5M", "1G"]


def test_trends_join_their_points_and_a_level_crosses_the_chart() -> None:
    trends = (Trend("random", ((640, 71.1), (2560, 80.0))), Trend("whole", ((None, 99.6),)))
    chart = against_bytes(SCORES[:1], "accuracy %", "", trends)
    (own, _) = drawn(chart, "circle", "set")
    joined, key, level, _ = (e.get("d", "") for e in drawn(chart, "path", "trend"))
    left, right = ([float(n) for n in point.split()] for point in joined[1:].split("L"))
    assert right[0] == pytest.approx(float(own.get("cx", 0)), abs=0.1) and left[0] < right[0]  # equal bytes
    heights = [left[1], right[1], float(own.get("cy", 0)), float(level.split()[-1])]
    assert (heights[0] - heights[1]) / (heights[0] - heights[3]) == pytest.approx((80 - 71.1) / (99.6 - 71.1), abs=0.01)
    assert (heights[0] - heights[2]) / (heights[0] - heights[3]) == pytest.approx(
        (93.5 - 71.1) / (99.6 - 71.1), abs=0.01
    )
    assert [float(n) for n in re.findall(r"[ML]([\d.]+)", level)] == [44.0, 348.0] and key.startswith("M0 ")
    dashes = [e.get("stroke-dasharray") for e in drawn(chart, "path", "trend")]
    assert dashes[0] == dashes[1] != dashes[2] == dashes[3]  # the legend has the pattern of its line
    assert chart is not None and "random: 71.1, 80.0" in chart.svg and "whole: 99.6" in chart.svg


def test_a_trend_of_one_point_is_a_short_line_around_it() -> None:
    chart = against_bytes(SCORES[:1], "accuracy %", "", [Trend("random", ((640, 71.1),))])
    path, (point,) = drawn(chart, "path", "trend")[0].get("d", ""), drawn(chart, "circle", "rival")
    (left, low), (right, high) = ([float(n) for n in end.split()] for end in path[1:].split("L"))
    assert left < float(point.get("cx", 0)) < right and low == high == pytest.approx(float(point.get("cy", 0)), abs=0.1)
