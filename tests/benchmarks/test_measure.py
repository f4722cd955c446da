"""The argument of benchmarks that names rows."""

import argparse
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from measure import row_argument


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    row_argument(made, {"small": 1, "large": 2})
    return made


def test_no_row_means_all_rows(parser: argparse.ArgumentParser) -> None:
    assert parser.parse_args([]).rows == ["small", "large"]
    assert parser.parse_args(["large"]).rows == ["large"]


def test_help_and_the_error_of_an_unknown_row_name_the_rows_only(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "small, large; default all" in parser.format_help() and "[]" not in parser.format_help()
    with pytest.raises(SystemExit):
        parser.parse_args(["other"])
    assert "argument ROW: unknown row 'other'; choose from small, large" in capsys.readouterr().err
