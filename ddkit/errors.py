"""The errors a user can meet. Each is one line (what, where, what was found, what to do) and knows its exit code."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

LONGEST = 1_000
"""Characters of a word in an error line."""

MOST_NAMED = 20
"""Names that an error line lists where none is near."""


class DDKitError(Exception):
    """Base of all errors that ddkit raises on purpose; the command line prints it without a traceback.

    Its text is one line that any terminal can print, whatever names of files stand in it: see `printable`.
    """

    exit_code = 1

    def __init__(self, line: str = "") -> None:
        super().__init__(_with_short_words(printable(line)))


class UsageError(DDKitError):
    """A call that cannot be obeyed: an unknown name, contradicting settings, a value out of range."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot be read: bad TOML, a misspelt key, a value out of range."""


class InUseError(UsageError):
    """A folder that another run is using; the line names it."""

    exit_code = 5


class DataError(DDKitError):
    """A file, folder or dataset that is missing, damaged or not what it should be."""

    exit_code = 3


class NumericalError(DDKitError):
    """A computation that left the finite numbers or exploded."""

    exit_code = 4


class DDKitWarning(UserWarning):
    """What a user should know of a result that is given all the same; the command line prints it as one line."""

    def __init__(self, line: str = "") -> None:
        super().__init__(_with_short_words(printable(line)))


def _with_short_words(line: str) -> str:
    """The line; of words that are longer than anybody reads, such as a path or a key of thousands of characters, the
    beginning, the end and how many characters are left out."""
    return re.sub(rf"\S{{{LONGEST},}}", lambda word: _shortened(word[0]), line)


def _shortened(word: str) -> str:
    return f"{word[: LONGEST // 4]}...({len(word) - LONGEST // 2:,} characters)...{word[-LONGEST // 4 :]}"


def printable(text: str) -> str:
    r"""The text with its control characters and lone surrogates (bytes of a file name that are no UTF-8) escaped.

    Example:
        >>> printable("two\nlines")
        'two\\nlines'
    """
    odd = {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    return text.translate({ord(c): ascii(c)[1:-1] for c in odd}) if odd else text


def names_something(name: str) -> bool:
    """Whether a name can be printed on one line and is not empty."""
    return bool(name.strip()) and printable(name) == name


def reason(error: Exception) -> str:
    """Another library's message in words that fit into one error line: its first line, or its kind if it has none."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def nearest(name: str, names: Iterable[str], listed_by: str = "") -> str:
    """The tail of an 'unknown name' line: the nearest names, or else the command that lists them, or else all of them,
    as far as a line holds them."""
    names = sorted(names)
    if close := difflib.get_close_matches(name, names, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(close)}?"
    if listed_by:
        return f"`{listed_by}` lists them"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"there are: {', '.join(names[:MOST_NAMED])}{more}"


def with_causes(error: BaseException) -> list[BaseException]:
    """An error and those that it followed, the first one last."""
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(before)
    return chain
