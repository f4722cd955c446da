"""Writes DD-Ranking's scores of a set as files that its leaderboard's authors can read.

- FILE: a line for each network, in percent, under the column names of DD-Ranking's label-robust score.
- FILE with "-ars" before its ending: the same for the augmentation-robust score.
- FILE with "-details.json" as its end: all figures as fractions, with intervals, and how they were obtained.
"""

import csv
import io
from pathlib import Path
from typing import Any

from ddkit.evaluation.ddranking import (
    HARD,
    OWN,
    PLAIN,
    PLAIN_RANDOM,
    RANDOM,
    WHOLE,
    DDRanking,
    augmentation_robust_score,
    hard_label_recovery,
    improvement_over_random,
    label_robust_score,
)
from ddkit.evaluation.score import Evaluation
from ddkit.run import atomic_write, write_json

LABEL_COLUMNS = ("hard_label_recovery", "improvement_over_random", "lrs")
AUGMENTATION_COLUMNS = ("with_aug_scores", "without_aug_scores", "ars_list")


def _files(file: Path) -> tuple[Path, Path, Path]:
    """The files of the label-robust and of the augmentation-robust score, and the JSON file."""
    return file, file.with_name(f"{file.stem}-ars{file.suffix}"), file.with_name(f"{file.stem}-details.json")


def write_ranking(evaluation: Evaluation, file: Path) -> list[Path]:
    """Write the scores of a table's set, and return the files. A table whose scores are missing is not written.

    Raises:
        DataError: a file cannot be written.
    """
    labels, augmentation, details = _files(file)
    ranking = evaluation.ranking
    assert ranking is not None
    written = []
    for path, columns, lines in (
        (labels, LABEL_COLUMNS, _label_lines(ranking)),
        (augmentation, AUGMENTATION_COLUMNS, _augmentation_lines(ranking)),
    ):
        if lines:
            text = io.StringIO()
            table = csv.writer(text, lineterminator="\n")
            table.writerow(columns)
            table.writerows([f"{100 * value:.6g}" for value in line] for line in lines)
            with atomic_write(path) as temporary:
                temporary.write_text(text.getvalue(), encoding="utf-8")
            written.append(path)
    write_json(details, _details(evaluation, ranking), indent=2)
    return [*written, details]


def _details(evaluation: Evaluation, ranking: DDRanking) -> dict[str, Any]:
    """The JSON file: scores as fractions, and how they were obtained."""
    own = evaluation.scores[0]
    about = {
        **{"set": own.name, "images": own.samples, "dataset": evaluation.dataset, "net": evaluation.net},
        **{"protocol": evaluation.protocol, "nets": len(own.accuracies), "seed": evaluation.seed},
    }
    return about | ranking.tables() | {"notes": list(evaluation.notes)}


def _label_lines(ranking: DDRanking) -> list[tuple[float, float, float]]:
    """(HLR, IOR, LRS) of each network, as fractions; nothing if a row is missing."""
    if ranking.lrs is None:
        return []
    rows = (ranking.accuracies[name] for name in (WHOLE, HARD, OWN, RANDOM))
    lines = []
    for whole, hard, own, random in zip(*rows, strict=True):
        hlr, ior = hard_label_recovery(whole, hard), improvement_over_random(own, random)
        lines.append((hlr, ior, label_robust_score(hlr, ior)))
    return lines


def _augmentation_lines(ranking: DDRanking) -> list[tuple[float, float, float]]:
    """(IOR with augmentation, IOR without, ARS) of each network, as fractions; nothing if a row is missing."""
    if ranking.ars is None:
        return []
    rows = (ranking.accuracies[name] for name in (OWN, RANDOM, PLAIN, PLAIN_RANDOM))
    lines = []
    for own, random, plain, plain_random in zip(*rows, strict=True):
        augmented, bare = improvement_over_random(own, random), improvement_over_random(plain, plain_random)
        lines.append((augmented, bare, augmentation_robust_score(augmented, bare)))
    return lines
