"""Tables: whatever their figures, no heading is cut and no figure is broken, at the width of any terminal."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ddkit.cli.grid import fitting, print_columns, print_rows

COMPARE = ("data, ipc", "trained on", "accuracy %", "balanced %", "validation %", "n", "bytes", "min/set", "experts")
ROWS = [
    ("fashion-mnist, 10", "random-real", "83.4 ± 2.1", "81.2 ± 1.9", "84.0", "3 x 5", "313,600", "", ""),
    ("fashion-mnist, 10", "ftd+fyi", "88.0 ± 0.3", "87.9 ± 0.4", "88.6", "3 x 5", "313,600", "12.5", "40.1"),
]


def drawn(headings, rows, width: int, **how) -> list[str]:
    """The lines of a table on a terminal of that width."""
    text = io.StringIO()
    for table, needed in fitting(headings, rows, width, **how):
        Console(file=text, width=max(width, needed)).print(table)
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_figures_and_headings_stay_whole(width: int) -> None:
    lines = drawn(COMPARE, ROWS, width, keys=2, right=True)
    text = "\n".join(lines)
    assert all(figure in text for row in ROWS for figure in row)
    assert "…" not in text and all(word in text for heading in COMPARE for word in heading.split())
    if width >= 60:
        assert max(map(len, lines)) <= width


def test_the_first_way_that_fits_is_taken() -> None:
    assert "┃ accuracy % ┃" in drawn(COMPARE, ROWS, 160)[1]
    narrow = "\n".join(drawn(COMPARE, ROWS, 112, keys=2))
    assert "┃" not in narrow and narrow.count("ftd+fyi") == 1
    blocks = "\n".join(drawn(COMPARE, ROWS, 80, keys=2))
    assert blocks.count("ftd+fyi") == blocks.count("trained") == 2


def test_a_column_of_sentences_goes_on_over_several_lines() -> None:
    what = "AST on CIFAR-10, one image a class, settings borrowed from its relatives; needs a GPU."
    lines = drawn(("name", "what"), [("ast-cifar10-ipc1", what)], 80, wraps="what")
    assert max(map(len, lines)) <= 80 and "ast-cifar10-ipc1" in "\n".join(lines)
    body = " ".join(re.findall(r"│ (.*?) +│$", line)[0].partition("│")[2] for line in lines if line.startswith("│"))
    assert " ".join(body.split()) == what


def test_a_name_longer_than_the_terminal_stays_whole() -> None:
    name = "x" * 100
    assert name in "\n".join(drawn(("buffer", "size"), [(name, "1.0 MiB")], 80))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.text("ab ±%1,", max_size=30).map(str.strip), min_size=3, max_size=3), max_size=4))
def test_every_text_stands_whole_on_one_line(rows: list[list[str]]) -> None:
    lines = drawn(("one", "two %", "three"), rows, 30)
    assert all(any(text in line for line in lines) for row in rows for text in row)


def test_in_a_pipe_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows(COMPARE, ROWS)
    assert len(capsys.readouterr().out.splitlines()) == 4 + len(ROWS)
    print_columns(["one", "two"])
    assert capsys.readouterr().out == "one\ntwo\n"
