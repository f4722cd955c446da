"""The parts of a report's page. The template `blocks.html` has a macro for each, named by `kind`.

All texts may come from foreign files. The template escapes them; only `Markup` passes unchanged, and only functions of
this package make it, from elements that escape their texts themselves.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from markupsafe import Markup


@dataclass(frozen=True)
class Lines:
    """A list of short texts."""

    kind: ClassVar[str] = "lines"
    items: tuple[str, ...]


@dataclass(frozen=True)
class TextTable:
    """A table of texts. The first column names the row."""

    kind: ClassVar[str] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing with a caption."""

    kind: ClassVar[str] = "chart"
    svg: Markup
    caption: str = ""


@dataclass(frozen=True)
class Code:
    """A text that is shown as it is written."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Fold:
    """A text that is hidden until the reader opens it."""

    kind: ClassVar[str] = "fold"
    title: str
    text: str


@dataclass(frozen=True)
class Frame:
    """The pictures of all classes at one moment of a run: a title, and a PNG as a data URI."""

    title: str
    uri: str


@dataclass(frozen=True)
class Gallery:
    """Pictures of each class, and a slider through the frames.

    Attributes:
        title: names the gallery for readers who do not see it.
        frames: at least one; the last is shown first. A frame is a sheet with a row of pictures for each class.
        classes: the names of the rows.
        aspect: width of a row divided by its height.
        least: the least width of a row on the page, in pixels.
        pixelated: whether pixels are enlarged as squares.
        note: on what is not shown.
    """

    kind: ClassVar[str] = "gallery"
    title: str
    frames: tuple[Frame, ...]
    classes: tuple[str, ...]
    aspect: float
    least: int
    pixelated: bool
    note: str = ""

    def named(self, title: str) -> "Gallery":
        """The gallery with another title."""
        return replace(self, title=title)


@dataclass(frozen=True)
class Drawing:
    """A small drawing and its caption."""

    svg: Markup
    caption: str


@dataclass(frozen=True)
class TreeDrawings:
    """Drawings of the trees of each class, and a legend of their marks."""

    kind: ClassVar[str] = "trees"
    title: str
    groups: tuple[tuple[str, tuple[Drawing, ...]], ...]
    legend: tuple[Drawing, ...]
    note: str = ""

    def named(self, title: str) -> "TreeDrawings":
        """The drawings with another title."""
        return replace(self, title=title)


Block = Lines | TextTable | Chart | Code | Fold | Gallery | TreeDrawings


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title: what was made, such as "ftd on digits".
        answer: the result in sentences; the first is the most important.
        missing: what the report lacks, and what to do about it.
        sections: in their order. Those without blocks are left out.
    """

    title: str
    answer: tuple[str, ...]
    missing: tuple[str, ...]
    sections: tuple[Section, ...]
