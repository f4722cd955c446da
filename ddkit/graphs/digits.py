"""The default graphs: scikit-learn's digits, so that no download is needed."""

import numpy as np

from ddkit.graphs.graph_data import GraphData
from ddkit.graphs.names import DIGITS_LICENCE

GREY_LEVELS = 17
INK_FROM = 8
"""Pixels with grey levels from 8 to 16 are ink; a digit has about 21 of them."""

SHADES = 2
"""Ink is quantised into this many shades, the nodes' labels."""

NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def digits_graphs() -> GraphData:
    """Return 1,797 digits of 8 x 8 pixels in ten classes.

    Nodes are ink pixels, labelled by their quantised intensity. Edges join 8-neighbours and are labelled by the
    direction in NEIGHBOURS from the target to the source, so that a 6 differs from a 9.

    The test part is that of `ddkit.data`'s digits: `train_test_split(test_size=0.2, random_state=0, stratify=classes)`.
    The validation part is a ninth of the rest, drawn in the same way.
    """
    from sklearn.datasets import load_digits  # slow to import
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    images = digits.images.astype(np.int64)
    ink = images >= INK_FROM
    number = np.cumsum(ink).reshape(ink.shape) - 1  # the node's number, valid where there is ink
    ends, kinds = [], []
    for direction, (down, right) in enumerate(NEIGHBOURS):
        here = np.zeros_like(ink)
        rows, columns = slice(max(0, -down), 8 - max(0, down)), slice(max(0, -right), 8 - max(0, right))
        there = (slice(None), slice(max(0, down), 8 + min(0, down)), slice(max(0, right), 8 + min(0, right)))
        here[:, rows, columns] = ink[:, rows, columns] & ink[there]
        graph, row, column = np.nonzero(here)
        ends.append(np.stack([number[graph, row + down, column + right], number[graph, row, column]]))
        kinds.append(np.full(len(graph), direction))
    y = digits.target.astype(np.int64)
    rest, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
    train, validation = train_test_split(rest, test_size=1 / 9, random_state=0, stratify=y[rest])
    return GraphData(
        name="digits-graphs",
        classes=tuple("0123456789"),
        offset=np.concatenate([[0], np.cumsum(ink.sum((1, 2)))]),
        node_label=(images[ink] - INK_FROM) * SHADES // (GREY_LEVELS - INK_FROM),
        edge=np.concatenate(ends, 1),
        edge_label=np.concatenate(kinds),
        y=y,
        node_vocabulary=np.arange(SHADES)[:, None],
        edge_vocabulary=np.arange(len(NEIGHBOURS))[:, None],
        split=(np.sort(train), np.sort(validation), np.sort(test)),
        licence=DIGITS_LICENCE,
    )
