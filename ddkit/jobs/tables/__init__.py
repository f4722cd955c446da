"""The tables of one set, and the cache of scores."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.tables.graphs import graph_tables
    from ddkit.jobs.tables.image_scoring import HonestScoring, ImageScoring, PaperScoring
    from ddkit.jobs.tables.images import image_tables
    from ddkit.jobs.tables.kept_rows import KeptRows, ScoreFolder

__all__ = [
    "HonestScoring",
    "ImageScoring",
    "PaperScoring",
    "graph_tables",
    "image_tables",
    "KeptRows",
    "ScoreFolder",
]
