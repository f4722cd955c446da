"""The curves of a run: each metric over the outer iterations."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ddkit.run import atomic_write


def curve(rows: Sequence[Mapping[str, int | float]], title: str, path: Path) -> None:
    """Draw metrics to a PNG on a logarithmic axis: values as a thin line, their running mean as a thick line.

    Only metrics that every row has and that are always above 0 are drawn. Each row has an `iteration`.

    Raises:
        DataError: the file cannot be written.
    """
    from matplotlib.figure import Figure  # slow to import

    names = [name for name in rows[-1] if name != "iteration" and all(row.get(name, 0) > 0 for row in rows)]
    x = np.array([row["iteration"] for row in rows])
    figure = Figure(figsize=(4.2 * len(names), 3), layout="constrained", dpi=150)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        y = np.array([row[name] for row in rows], dtype=float)
        window = max(1, len(y) // 25)
        axes.semilogy(x, y, linewidth=0.5, alpha=0.5)
        if window > 1:
            smooth = np.convolve(y, np.ones(window) / window, mode="valid")
            axes.semilogy(x[window - 1 :], smooth, linewidth=1.6)
        axes.set_xlabel("outer iteration")
        axes.set_title("matching loss" if name == "loss" else name, fontsize=9)
        axes.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    with atomic_write(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
