"""The page of a report: one HTML file that needs no other file and no network."""

from pathlib import Path

from ddkit.report.blocks import Page
from ddkit.report.markdown import as_markdown
from ddkit.run import atomic_write

LARGEST = 3_000_000
"""Bytes that a report has at most."""


def render(page: Page) -> str:
    """Return the page as HTML. The same page gives the same text."""
    import jinja2  # few commands need it

    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return engine.get_template("page.html").render(page=page, sections=[s for s in page.sections if s.blocks])


def write_page(page: Page, path: Path) -> None:
    """Write the page to a file, atomically.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(render(page), encoding="utf-8", errors="replace")


def write_markdown(page: Page, path: Path) -> None:
    """Write the page as Markdown, without its drawings, atomically.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(as_markdown(page), encoding="utf-8", errors="replace")
