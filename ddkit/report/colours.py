"""Colours and shapes that tell node labels apart, also for readers who are colour-blind."""

from dataclasses import dataclass

OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#666666")
"""The palette of Okabe and Ito (2008), with a dark grey in the place of black, which a dark page would hide."""

SHAPES = ("circle", "square", "triangle", "diamond")
"""Shapes of marks. The first eight labels are circles, the next eight are squares, and so on."""

MARKERS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D"}
"""Matplotlib's names of the shapes."""


@dataclass(frozen=True)
class Mark:
    """How a node label is drawn. Labels beyond 32 have the colours and shapes of earlier ones again, with a number.

    Attributes:
        colour: a colour of the palette, as "#RRGGBB".
        shape: one of SHAPES.
        number: written into the mark; "" for the first 32 labels.
    """

    colour: str
    shape: str
    number: str = ""

    @staticmethod
    def of(index: int) -> "Mark":
        """The mark of label number `index` of a drawing."""
        shape, colour = divmod(index, len(OKABE_ITO))
        again, shape = divmod(shape, len(SHAPES))
        return Mark(OKABE_ITO[colour], SHAPES[shape], str(again) if again else "")
