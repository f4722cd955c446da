"""Pictures that cannot be used, collected so that one error line names them all."""

from collections import Counter
from collections.abc import Sequence

from ddkit.data.conversion import GREY, Conversion
from ddkit.data.encoded import CONVERT, Encoded, Header, Kind, Unusable
from ddkit.errors import DataError, counted

MOST_NAMED = 10
"""Pictures that an error line names."""

LONGEST = 600
"""Characters of an error line for their names and problems; fewer are named if they are longer."""


class Problems:
    """The pictures of one dataset that cannot be used, each with its problem.

    Args:
        where: name of the data in error lines.
        total: number of all pictures.
        conversion: the conversion that the user asked for.
        settable: whether the user can set another one.
    """

    def __init__(self, where: str, total: int, conversion: Conversion, settable: bool) -> None:
        self._where, self._total, self._conversion, self._settable = where, total, conversion, settable
        self._found: dict[str, Unusable] = {}
        self._most = ""
        self._sizes: set[tuple[int, ...]] = set()
        self._grey = True
        self._of_size = self._of_mode = False

    def see(self, header: Header) -> None:
        """Note a header, from which the suggestions follow."""
        self._sizes.add(tuple(sorted(header.kind.size)))
        self._grey = self._grey and header.kind.mode in GREY

    def add(self, picture: Encoded, problem: Unusable) -> None:
        """Add a picture, unless it has a problem already."""
        self._found.setdefault(str(picture), problem)
        self._of_mode = self._of_mode or problem.fix == CONVERT

    def compare(self, kinds: Sequence[tuple[Encoded, Kind]], sides_in_order: bool = True) -> None:
        """Add the pictures that the conversion will not make as most of the others are.

        Args:
            sides_in_order: whether the widths and heights are known; else both may be exchanged.
        """
        kept = [self._kept(kind, sides_in_order) for _, kind in kinds]
        counts = Counter(kept)
        if len(counts) < 2:
            return
        usual, count = counts.most_common(1)[0]
        most = self._words(kinds[kept.index(usual)][1])
        self._most = f"; {count:,} of {self._total:,} are {most}" if count > 1 else "; no two are alike"
        self._of_size = self._of_size or len({size for size, _ in counts}) > 1
        self._of_mode = self._of_mode or len({mode for _, mode in counts}) > 1
        for (picture, kind), own in zip(kinds, kept, strict=True):
            if own != usual:
                self._found.setdefault(str(picture), Unusable(f"is {self._words(kind)}", CONVERT))

    def _kept(self, kind: Kind, sides_in_order: bool) -> tuple[tuple[int, ...] | None, str | None]:
        """What the conversion keeps of a picture's kind."""
        size = kind.size if sides_in_order else tuple(sorted(kind.size))
        return None if self._conversion.side else size, None if self._conversion.mode else kind.mode

    def _words(self, kind: Kind) -> str:
        """What the conversion keeps, in words."""
        words = [] if self._conversion.side else [f"{kind.size[0]} x {kind.size[1]}"]
        return " ".join(words + ([] if self._conversion.mode else [kind.mode]))

    def refuse(self) -> None:
        """Raise DataError if there are any. The line names the first of them, their number, and what would help."""
        if not self._found:
            return
        each = [f"'{name}' {problem}" for name, problem in self._found.items()]
        shown = 1
        while shown < min(len(each), MOST_NAMED) and len(", ".join(each[: shown + 1])) <= LONGEST:
            shown += 1
        named = ", ".join(each[:shown]) + (f" and {len(each) - shown:,} more" if len(each) > shown else "")
        fixes = "; ".join(
            self._settings() if fix == CONVERT else fix
            for fix in dict.fromkeys(problem.fix for problem in self._found.values())
        )
        raise DataError(
            f"{self._where}: {len(self._found):,} of {counted(self._total, 'picture')} cannot be used: {named}"
            f"{self._most}; {fixes}"
        )

    def _settings(self) -> str:
        """The settings that would convert the pictures."""
        settings = [f"data.resize={min(min(self._sizes))}"] * (
            self._conversion.side is None and (self._of_size or len(self._sizes) > 1)
        )
        mode = "L" if self._grey else "RGB"
        settings += [f"data.mode={mode}"] * (self._of_mode and self._conversion.mode is None)
        if self._settable and settings:
            return f"set {' and '.join(settings)}, or convert them to one size and mode"
        return CONVERT
