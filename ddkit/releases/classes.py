"""The classes of a release, by their names, as the classes of the data."""

import torch
from torch import Tensor

from ddkit.errors import DataError


def class_order(found: tuple[str, ...], expected: tuple[str, ...], where: str) -> tuple[Tensor, str]:
    """Return the data's class for each class of a release [K], and a note on how it is known.

    Classes are matched by their names, if need be whatever their capitals and signs. If no name is that of a class of
    the data, the order of the release is that of the data.

    Raises:
        DataError: the numbers of classes differ, only some names are those of the data's classes, or two classes have
            one name.
    """
    if len(found) != len(expected):
        raise DataError(
            f"{where}: has {len(found)} classes ({', '.join(found[:3])}, ...), but the data has {len(expected)}; name "
            "the data that the set was distilled from with --data"
        )
    for own, names in ((found, expected), (tuple(map(_letters, found)), tuple(map(_letters, expected)))):
        if set(own) == set(names) and len(set(own)) == len(own):
            order = [names.index(name) for name in own]
            note = "" if order == sorted(order) else "classes: in another order than the data's, matched by their names"
            return torch.tensor(order), note
    if any(name in names for name in own):
        other = next((name for name, letters in zip(found, own, strict=True) if letters not in names), None)
        if other is None:
            twice = next(name for name, letters in zip(found, own, strict=True) if own.count(letters) > 1)
            raise DataError(f"{where}: has several classes '{twice}'; give each class its name in the data")
        raise DataError(
            f"{where}: has a class '{other}', which the data does not have; name the data that the set was distilled "
            "from with --data, or rename the class"
        )
    return torch.arange(len(found)), (
        f"classes: {found[0]}, {found[1]}, ... are taken as the data's classes in their order, {expected[0]}, "
        f"{expected[1]}, ..."
    )


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower())) or name
