"""A score in a file of its own."""

from pathlib import Path

from ddkit.errors import DataError
from ddkit.evaluation import Score
from ddkit.run import AGAIN, read_json


def read_score(file: Path) -> Score:
    """The score that such a file keeps.

    Raises:
        DataError: it is damaged.
    """
    score = read_json(file, Score)
    if not score.accuracies or not all(0 <= share <= 1 for share in (*score.accuracies, *(score.balanced or ()))):
        raise DataError(f"file '{file}': holds no score, whose accuracies lie between 0 and 1; {AGAIN}")
    return score
