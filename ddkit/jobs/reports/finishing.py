"""The report that is written when a run or a comparison ends. It never ends the run."""

from collections.abc import Callable
from pathlib import Path

from ddkit.report import Page, write_page
from ddkit.run import Meter


def written_at_end(page: Callable[[], Page], file: Path, meter: Meter) -> None:
    """Make a page and write it. If this fails, one line says so, because set and scores are finished and stored."""
    try:
        write_page(page(), file)
    except Exception as error:  # any fault of the report is less important than the run
        what = " ".join(str(error).split()) or type(error).__name__
        meter.say(f"warning: file '{file}': the report was not written: {what}; try again with ddkit report")
