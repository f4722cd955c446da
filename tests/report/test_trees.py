"""Drawings of a set of trees: the layout, the marks of node labels, and the two forms, PNG and SVG."""

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from random_graphs import distil, random_graph_data
from report_pages import tree_set

from ddkit.methods import graph_method
from ddkit.report import tree_drawings, tree_gallery
from ddkit.report.colours import OKABE_ITO, Mark
from ddkit.report.trees import EACH, drawn_trees, heaviest, layout


def test_parents_stand_above_the_middle_of_their_children() -> None:
    #       0
    #     1   2
    #    3 4  5
    x, depth = layout(np.array([0, 0, 1, 1, 2]))
    assert depth.tolist() == [0, 1, 1, 2, 2, 2]
    assert x.tolist() == [1.25, 0.5, 2.0, 0.0, 1.0, 2.0]


def test_a_row_a_class(tmp_path: Path) -> None:
    data = random_graph_data(51, graphs=40, labels=1, edge_labels=1)
    method = graph_method("mirage")
    made = distil(method, method.settings_class(hops=1, ratio=0.5), data, 0)
    tree_gallery(made, tmp_path / "gallery.png")
    first = (tmp_path / "gallery.png").read_bytes()
    wide, high = Image.open(tmp_path / "gallery.png").size
    assert wide > high > 200  # five columns, two rows
    tree_gallery(made, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == first


def test_marks_differ_for_a_hundred_labels() -> None:
    assert len({Mark.of(i) for i in range(100)}) == 100
    assert [Mark.of(i).shape for i in (0, 7, 8, 16, 31)] == ["circle", "circle", "square", "triangle", "diamond"]
    assert [Mark.of(i).number for i in (31, 32, 64)] == ["", "1", "2"]


# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(colour: str, seen: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a colour as a reader with that vision sees it."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(seen @ linear, 0, 1) / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", BLINDNESS)
def test_colours_differ_for_the_colour_blind(vision: str) -> None:
    """The distance (CIE 1976) of any two colours is at least 15; 2.3 is just noticeable."""
    colours = [lab(colour, BLINDNESS[vision]) for colour in OKABE_ITO]
    assert min(np.linalg.norm(a - b) for a, b in combinations(colours, 2)) >= 15


def test_svg_draws_every_node_and_edge_in_the_mark_of_the_legend() -> None:
    made = tree_set(labels=12)
    drawn, trees = tree_drawings(made, budget=10**6), drawn_trees(made)
    legend = {key.caption: mark_of(key.svg) for key in drawn.legend}
    assert len(set(legend.values())) == len(legend) > 8  # more than the colours, so that shapes differ too
    assert {shape for shape, _ in legend.values()} == {"circle", "polygon"}
    for name, group in drawn.groups:
        for drawing, tree in zip(group, trees[name], strict=True):
            root = ElementTree.fromstring(drawing.svg)
            nodes = [e for e in root.iter() if e.get("class") == "mark"]
            edges = [e.get("d", "") for e in root.iter("path")]
            assert len(nodes) == tree.nodes and "".join(edges).count("L") == tree.nodes - 1
            found = [(e.tag, e.get("fill")) for e in nodes]
            names = [f"label {made.node_vocabulary[label].tolist()[0]}" for label in tree.label]
            assert found == [legend[name] for name in names]


def mark_of(svg: str) -> tuple[str, str | None]:
    (mark,) = (e for e in ElementTree.fromstring(svg).iter() if e.get("class") == "mark")
    return mark.tag, mark.get("fill")


def test_the_png_has_a_legend_of_the_drawn_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k))[1])
    made = tree_set(labels=12)
    tree_gallery(made, tmp_path / "gallery.png")
    (legend,) = figures[0].legends
    assert [text.get_text() for text in legend.get_texts()] == [
        key.caption for key in tree_drawings(made, budget=10**6).legend
    ]


def test_drawings_keep_to_their_budget_and_the_note_says_what_is_shown() -> None:
    made = tree_set()
    whole = tree_drawings(made, budget=10**6)
    size = sum(len(one.svg) for _, group in whole.groups for one in group)
    fewer = tree_drawings(made, budget=size // 2)
    assert sum(len(one.svg) for _, group in fewer.groups for one in group) <= size // 2
    assert max(len(group) for _, group in fewer.groups) < EACH and "heaviest samples" in fewer.note
    many = tree_set(labels=10_000)
    for budget in (5_000, 4_000):  # the drawings alone are smaller
        drawn = tree_drawings(many, budget=budget)
        drawings = [*drawn.legend, *(one for _, group in drawn.groups for one in group)]
        assert sum(len(one.svg) for one in drawings) <= budget
    assert tree_drawings(made, budget=10).note == "The trees are too large to draw in this file."


def test_the_heaviest_samples_come_first() -> None:
    made = tree_set()
    for label in range(2):
        weights = made.samples.support[heaviest(made, label)].astype(float)
        assert (np.diff(weights) <= 0).all() and len(weights) == (made.samples.label == label).sum()
