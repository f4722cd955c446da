"""Printing of commands. Control characters are escaped, so that names and contents of files cannot control the
terminal."""

import sys
from typing import TYPE_CHECKING

from ddkit.errors import printable

if TYPE_CHECKING:
    from rich.text import Text


def echo(text: object = "", *, end: str = "\n", error: bool = False) -> None:
    """Print text with control characters escaped, except line breaks and tabs."""
    print(_clean(str(text)), end=end, file=sys.stderr if error else sys.stdout)


def plain_text(text: object) -> "Text":
    """A text or heading of a table, which is not parsed as markup."""
    from rich.text import Text

    return Text(_clean(str(text)))


def _clean(text: str) -> str:
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))
