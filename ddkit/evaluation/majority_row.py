"""The row of a table of images that always predicts the majority class."""

import torch

from ddkit.data import RealData
from ddkit.evaluation.majority import MAJORITY, UNEVEN, majority_balanced, majority_class, majority_share, uneven
from ddkit.evaluation.score import ACCURACY, BALANCED, Score, without_networks


def class_counts(real: RealData, part: str) -> list[int]:
    """Images of each class in the part "train", "validation" or "test"."""
    labels = {"train": real.train.labels, "validation": real.validation.labels, "test": real.data.test_labels}[part]
    return torch.bincount(labels, minlength=real.data.class_count).tolist()


def majority_row(real: RealData, on: str = "test") -> Score:
    """The score of always predicting the largest training class, judged on the part `on`."""
    train, judged = class_counts(real, "train"), class_counts(real, on)
    metrics = {ACCURACY: majority_share(train, judged)}
    if uneven(judged):
        metrics[BALANCED] = majority_balanced(judged, majority_class(train))
    return without_networks(MAJORITY, metrics, 0)


def class_notes(real: RealData, on: str = "test") -> list[str]:
    """A note on the majority row, and a note on balanced accuracy if the table states it."""
    largest = real.data.classes[majority_class(class_counts(real, "train"))]
    notes = [f"{MAJORITY} of '{real.data.name}': always predicts '{largest}', the largest class of the training images"]
    if uneven(class_counts(real, on)):
        notes.append(
            f"balanced: the mean over classes of the accuracy on their {on} images; the largest class has more than "
            f"{UNEVEN} times the images of the smallest"
        )
    return notes
