"""Means and standard deviations with which the released code of this field normalises images.

They stand in no file of a release. Those of CIFAR-100, and all of FRePo, differ between families of methods.
"""

Constants = tuple[tuple[float, ...], tuple[float, ...]]

_CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_COMMON: dict[str, Constants] = {
    "mnist": ((0.1307,), (0.3081,)),
    "fashion-mnist": ((0.2861,), (0.3530,)),
    "svhn": ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "cifar10": _CIFAR10,
    "tiny-imagenet": _IMAGENET,
    "imagenette": _IMAGENET,
}
_DC_CIFAR100 = ((0.5071, 0.4866, 0.4409), (0.2673, 0.2564, 0.2762))

FAMILIES: dict[str, dict[str, Constants]] = {
    "dc": _COMMON | {"cifar100": _DC_CIFAR100},
    "mtt": _COMMON | {"cifar100": _CIFAR10},
    "frepo": _COMMON
    | {
        "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
        "cifar100": _DC_CIFAR100,
        "tiny-imagenet": ((0.4759, 0.4481, 0.3926), (0.2763, 0.2687, 0.2813)),
    },
}
"""Family -> data -> (mean, std). dc: DC, DSA, DM, DataDAM. mtt: trajectory methods, IDC, NCFM. frepo: FRePo, RCIG."""

OF = {
    "dc": "DC's, DSA's and DM's code",
    "mtt": "the code of MTT and its successors",
    "frepo": "FRePo's code",
}
"""Family -> whose code has the constants."""


def constants_of(family: str, data: str) -> Constants | None:
    """Return mean and std of a family for data of that name; None if no code of the family has any.

    Names of a user's own files are understood too.

    Example:
        >>> constants_of("dc", "Fashion_MNIST")
        ((0.2861,), (0.353,))
    """
    return next((found for name, found in FAMILIES[family].items() if same_data(name, data)), None)


def same_data(one: str, another: str) -> bool:
    """Return whether two names of data are equal but for capitals and signs, as CIFAR10 and cifar-10."""
    return _letters(one) == _letters(another)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
