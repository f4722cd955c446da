"""How commands print: every text with its control characters escaped, so that no file's name or content reaches the
terminal as a command."""

import sys
from typing import TYPE_CHECKING

from ddkit.errors import printable

if TYPE_CHECKING:
    from rich.text import Text


def echo(text: object = "", *, end: str = "\n", error: bool = False) -> None:
    """Print lines. Line breaks and tabs stay as they are."""
    print(_clean(str(text)), end=end, file=sys.stderr if error else sys.stdout)


def cell(text: object) -> "Text":
    """A cell or heading of a table: not read as markup either."""
    from rich.text import Text

    return Text(_clean(str(text)))


def _clean(text: str) -> str:
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
