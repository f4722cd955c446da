"""Small graphs in a folder of the TU format, as a user would bring them."""

from pathlib import Path

import numpy as np


def own(folder: Path, seed: int = 0, graphs: int = 40) -> str:
    """Triangles and paths of three in the TU format."""
    draw = np.random.RandomState(seed)
    y = draw.permutation(graphs) % 2
    lines = []
    for g, c in enumerate(y):
        pairs = [(1, 2), (2, 3), *([(1, 3)] if c else [])]
        lines += [f"{3 * g + a}, {3 * g + b}" for one in pairs for a, b in (one, one[::-1])]
    folder.mkdir(exist_ok=True)
    (folder / "X_A.txt").write_text("\n".join(lines) + "\n")
    (folder / "X_graph_indicator.txt").write_text("".join(f"{g + 1}\n" * 3 for g in range(graphs)))
    (folder / "X_graph_labels.txt").write_text("".join(f"{c}\n" for c in y))
    return f"tu:{folder}"
