"""Files of Dataset Condensation and its successors (DC, DSA, DM, FYI, DataDAM): several sets, and stored accuracies.

The file is a table: `data` is a list of [images, labels], one for each experiment, and `accs_all_exps` has the test
accuracies of networks by their names. DataDAM's file on the Hub has one pair in place of the list.
"""

from collections.abc import Mapping
from numbers import Real
from typing import Any

from torch import Tensor

from ddkit.errors import DataError, UsageError
from ddkit.releases.release import Choices, Release, Source

DATA, ACCURACIES = "data", "accs_all_exps"


class Condensation:
    """Reads one set of such a file, by default the last one, as other code for these files does."""

    name = "a file of Dataset Condensation"
    choices = ("entry",)

    def recognises(self, source: Source) -> bool:
        return source.is_torch and isinstance(source.content, dict) and DATA in source.content

    def read(self, source: Source, choices: Choices) -> Release:
        where, table = source.where, source.content
        entries = table[DATA]
        if is_pair(entries):
            entries = [entries]
        if not isinstance(entries, list) or not entries or not all(is_pair(each) for each in entries):
            raise DataError(f"{where}: '{DATA}' must be a list of [images, labels]; it is another kind of file")
        entry = -1 if choices.entry is None else choices.entry
        if not -len(entries) <= entry < len(entries):
            raise UsageError(f"--entry: must be 0 to {len(entries) - 1}, the sets of '{source.path.name}', got {entry}")
        entry %= len(entries)
        images, labels = entries[entry]
        chosen = " (the last one; --entry chooses another)" if choices.entry is None else ""
        several = (f"set {entry} of 0 to {len(entries) - 1} was read{chosen}",) if len(entries) > 1 else ()
        unread = sorted(map(str, set(table) - {DATA, ACCURACIES}))
        accuracies = _accuracies(table.get(ACCURACIES, {}), where)
        fractions = all(0 <= each <= 1 for found in accuracies.values() for each in found)  # not nan, not percent
        return Release(
            layout=self.name,
            images=images,
            labels=labels,
            files=(source.path,),
            entry=entry,
            entries=len(entries),
            accuracies=accuracies if fractions else {},
            notes=(
                *several,
                *([f"not read: {', '.join(unread)}"] if unread else []),
                *([f"not read: '{ACCURACIES}', whose numbers are not all fractions of 0 to 1"] * (not fractions)),
            ),
        )


def is_pair(value: Any) -> bool:
    """Return whether a value is [images, labels]."""
    pair = isinstance(value, list) and len(value) == 2 and all(isinstance(each, Tensor) for each in value)
    return pair and value[0].dim() >= 2 and len(value[0]) == len(value[1])


def _accuracies(table: Any, where: str) -> Mapping[str, tuple[float, ...]]:
    """Networks -> accuracies, without networks that have none."""
    lists = isinstance(table, dict) and all(isinstance(found, list) for found in table.values())
    if not lists or not all(isinstance(each, Real) for found in table.values() for each in found):
        raise DataError(f"{where}: '{ACCURACIES}' must have a list of numbers for each network; check the file")
    return {str(net): tuple(map(float, found)) for net, found in table.items() if found}
