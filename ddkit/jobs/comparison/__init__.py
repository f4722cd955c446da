"""One table of several recipes: their runs, their rows, and the rules of each part."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.comparison.graphs import compare_graphs
    from ddkit.jobs.comparison.images import compare_images
    from ddkit.jobs.comparison.lines import Comparison, Line, LineOfGraphs

__all__ = [
    "compare_graphs",
    "compare_images",
    "Comparison",
    "Line",
    "LineOfGraphs",
]
