"""The licence of the real data that a set was made from."""

from dataclasses import dataclass

from ddkit.data import names as images
from ddkit.graphs import names as graphs

NOT_DECLARED = "not declared"
_IDENTIFIERS = {"CC BY 4.0": "cc-by-4.0", "CC BY-SA 3.0": "cc-by-sa-3.0", "MIT": "mit", "no formal licence": "unknown"}
"""Beginning of a licence's text -> its identifier on the Hugging Face Hub."""


@dataclass(frozen=True)
class Licence:
    """A licence in words, and its identifier on the Hugging Face Hub ("other" and "unknown" are two of them)."""

    text: str
    identifier: str

    @property
    def declared(self) -> bool:
        """Whether ddkit knows the licence."""
        return self.text != NOT_DECLARED


def licence_of(dataset: str) -> Licence:
    """Return the licence of a dataset by its name. That of the user's own data is not declared."""
    if dataset in images.NAMED:
        text = images.NAMED[dataset].licence
    elif dataset in graphs.GRAPHS:
        text = graphs.licence_of(dataset)
    else:
        return Licence(NOT_DECLARED, "unknown")
    return Licence(text, next((own for begin, own in _IDENTIFIERS.items() if text.startswith(begin)), "other"))
