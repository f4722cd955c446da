"""One run of a recipe in its folder: from loaded data to a finished set, with resume after an interruption."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.runs.graphs import GraphWork
    from ddkit.jobs.runs.images import ImageWork
    from ddkit.jobs.runs.make import Condensed, make
    from ddkit.jobs.runs.resume import resumed
    from ddkit.jobs.runs.run import Run
    from ddkit.jobs.runs.work import Scoring, Work

__all__ = ["GraphWork", "ImageWork", "Condensed", "make", "resumed", "Run", "Scoring", "Work"]
