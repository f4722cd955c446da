"""The picture of a set of trees."""

import numpy as np
from PIL import Image
from random_graphs import distil, random_graph_data

from ddkit.methods import graph_method
from ddkit.report import tree_gallery
from ddkit.report.tree_gallery import _layout


def test_parents_stand_above_the_middle_of_their_children():
    #       0
    #     1   2
    #    3 4  5
    x, depth = _layout(np.array([0, 0, 1, 1, 2]))
    assert depth.tolist() == [0, 1, 1, 2, 2, 2]
    assert x.tolist() == [1.25, 0.5, 2.0, 0.0, 1.0, 2.0]


def test_a_row_a_class(tmp_path):
    data = random_graph_data(51, graphs=40, labels=1, edge_labels=1)
    method = graph_method("mirage")
    made = distil(method, method.settings_class(hops=1, ratio=0.5), data, 0)
    tree_gallery(made, tmp_path / "gallery.png")
    first = (tmp_path / "gallery.png").read_bytes()
    wide, high = Image.open(tmp_path / "gallery.png").size
    assert wide > high > 200  # five columns, two rows
    tree_gallery(made, tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == first
