"""Small JSON files that jobs keep: scores, seconds, what a test of flips found."""

import json
from pathlib import Path
from typing import Any

from ddkit.errors import DataError, reason
from ddkit.evaluation import Score
from ddkit.run import atomic_write


def read_table(file: Path) -> dict[str, Any]:
    """One of them.

    Raises:
        DataError: it is damaged.
    """
    try:
        found = json.loads(file.read_text())
        if not isinstance(found, dict):
            raise ValueError("no table")
        return found
    except (OSError, ValueError) as error:
        raise DataError(f"file '{file}': is damaged ({reason(error)}); delete it and run again") from None


def write_table(file: Path, table: dict[str, Any]) -> None:
    """Keep one, whole or not at all."""
    with atomic_write(file) as temporary:
        temporary.write_text(json.dumps(table) + "\n")


def read_score(file: Path) -> Score:
    """The score that such a file keeps.

    Raises:
        DataError: it is damaged.
    """
    table = read_table(file)
    try:
        balanced = table.get("balanced")  # scores that were kept before there was one have none
        score = Score(**(table | {"accuracies": tuple(table["accuracies"]), "balanced": balanced and tuple(balanced)}))
        if not all(0 <= share <= 1 for share in (*score.accuracies, *(score.balanced or ()))):
            raise ValueError("an accuracy is no share")
        return score
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DataError(f"file '{file}': holds no score; delete it and run again") from None
