"""Write README.md, pages of docs, docs/results and their charts from score files: python docs/pages/write.py

Every page is a template in docs/pages/templates. Its figures and tables come from docs/results/scores and
benchmarks/results. tests/docs/test_pages.py fails if a template contains a typed figure.
"""

import sys
from pathlib import Path

import boards
import charts
import jinja2
import network_table
import pictures
import scaling
import score_file
from markdown_tables import by, every, gains, listing, overlapping, pivot, printed, share, span
from recipe_table import graph_list, image_table

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
TEMPLATES = Path(__file__).parent / "templates"
ELSEWHERE = {"README.md": ROOT, "scale.md": ROOT / "docs", "networks.md": ROOT / "docs"}
"""The folders of pages that are not in docs/results."""


def pages() -> dict[Path, str]:
    """The text of every page, by its file."""
    engine = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # the pages are Markdown
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    offered = (pivot, listing, by, every, gains, overlapping, share, span, printed, image_table, graph_list, source)
    engine.globals |= {function.__name__: function for function in offered} | {
        "scores": score_file.read_all(),
        "scale": scaling,
        "networks": network_table,
        "boards": boards,
    }
    return {place(name): engine.get_template(name).render() for name in sorted(engine.list_templates())}


def place(template: str) -> Path:
    """The file of a template's page, in docs/results unless `ELSEWHERE` says another folder."""
    return ELSEWHERE.get(template, RESULTS) / template


def source(*files: score_file.ScoreFile, folder: str = "scores") -> str:
    """The source of a table: command, n, hardware, versions and commit of each score file, in `folder` of the page."""
    return "\n".join(_source(file, folder) for file in files)


def _source(file: score_file.ScoreFile, folder: str) -> str:
    facts = file.facts
    kept_here = (score_file.SCORES / f"{file.name}.json").exists()
    link = f"[{file.name}]({folder}/{file.name}.json)" if kept_here else file.name
    return (
        f"- {link}: `{facts['command']}`; n: {facts['n']}; intervals: {facts['interval']}; {facts['hardware']}; "
        f"{facts['software']}; commit {facts['commit']}."
    )


def main() -> None:
    for file, text in pages().items():
        file.write_text(text)
    for picture in pictures.pictures(score_file.read_all()):
        charts.draw(picture, RESULTS)
    print(f"wrote README.md and {RESULTS.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
