"""The reports of runs and comparisons and the leaderboards of datasets, collected from files of scores.

Each part of a report is read separately. A missing or damaged file leaves its part out, and the page says so, so that
the folder of a run that failed or was killed has a report too.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.reports.board_page import board_page, trends_of
    from ddkit.jobs.reports.comparison_page import COMPARISON, REPORT, comparison_page
    from ddkit.jobs.reports.finishing import written_at_end
    from ddkit.jobs.reports.run_page import run_page
    from ddkit.jobs.reports.standing import Standing, one_of_each
    from ddkit.jobs.reports.standings import read_standings

__all__ = [
    "COMPARISON",
    "REPORT",
    "board_page",
    "trends_of",
    "comparison_page",
    "Standing",
    "one_of_each",
    "read_standings",
    "written_at_end",
    "run_page",
]
