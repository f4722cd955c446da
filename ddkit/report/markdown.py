"""The page of a report as Markdown. It has the texts and tables of the HTML page, and of drawings the captions."""

from ddkit.markdown import table
from ddkit.report.blocks import Block, Chart, Code, Fold, Gallery, Lines, Page, TextTable, TreeDrawings


def as_markdown(page: Page) -> str:
    """Return the page as Markdown. The same page gives the same text."""
    parts = [f"# {page.title}", *page.answer, *(f"- {line}" for line in page.missing)]
    for section in page.sections:
        if section.blocks:
            parts += [f"## {section.title}", *map(_written, section.blocks)]
    return "\n\n".join(parts) + "\n"


def _written(block: Block) -> str:
    if isinstance(block, Lines):
        return "\n".join(f"- {item}" for item in block.items)
    if isinstance(block, TextTable):
        return "\n\n".join(filter(None, (block.caption, table(block.columns, block.rows))))
    if isinstance(block, Code | Fold):
        return f"```\n{block.text}\n```"
    drawn = {Chart: "chart", Gallery: "gallery", TreeDrawings: "trees"}[type(block)]
    about = block.caption if isinstance(block, Chart) else block.title
    return f"*The HTML page has the {drawn}: {about}*"
