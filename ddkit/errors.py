"""The errors of ddkit. Each is one line (what, where, what was found, what to do) and has an exit code."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

LONGEST = 1_000
"""Largest number of characters of a word in an error line."""

MOST_NAMED = 20
"""Largest number of names that an error line lists if none is near."""


class DDKitError(Exception):
    """Base of all errors that ddkit raises on purpose. The command line prints them without a traceback.

    The text is one line that any terminal can print, even if it contains odd file names; see `printable`.
    """

    exit_code = 1

    def __init__(self, line: str = "") -> None:
        super().__init__(_with_short_words(printable(line)))


class UsageError(DDKitError):
    """An invalid call: an unknown name, contradicting settings, a value out of range."""

    exit_code = 2


class RecipeError(UsageError):
    """An invalid recipe: bad TOML, a misspelt key, a value out of range."""


class InUseError(UsageError):
    """Another run is using a folder. The line names the run."""

    exit_code = 5


class DataError(DDKitError):
    """A file, folder or dataset is missing, damaged or invalid."""

    exit_code = 3


class NumericalError(DDKitError):
    """A computation gave numbers that are not finite or too large."""

    exit_code = 4


class RunInterrupted(KeyboardInterrupt):
    """A run was interrupted, and its folder holds what is needed to resume it."""


class RankError(DDKitError):
    """Another of several ranks has ended. The line is empty on all ranks but the one that prints it."""

    def __init__(self, line: str = "", exit_code: int = 6) -> None:
        super().__init__(line)
        self.exit_code = exit_code


class DDKitWarning(UserWarning):
    """A warning about a result that is returned nevertheless. The command line prints it as one line."""

    def __init__(self, line: str = "") -> None:
        super().__init__(_with_short_words(printable(line)))


def _with_short_words(line: str) -> str:
    """Return the line with very long words shortened, such as a path or a key of thousands of characters.

    A shortened word has its beginning, its end, and the number of characters between them.
    """
    return re.sub(rf"\S{{{LONGEST},}}", lambda word: _shortened(word[0]), line)


def _shortened(word: str) -> str:
    return f"{word[: LONGEST // 4]}...({len(word) - LONGEST // 2:,} characters)...{word[-LONGEST // 4 :]}"


def printable(text: str) -> str:
    r"""Escape control characters and lone surrogates (bytes of a file name that are not UTF-8) in a text.

    Example:
        >>> printable("two\nlines")
        'two\\nlines'
    """
    odd = {c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    return text.translate({ord(c): ascii(c)[1:-1] for c in odd}) if odd else text


def names_something(name: str) -> bool:
    """Return whether a name is not empty and can be printed on one line."""
    return bool(name.strip()) and printable(name) == name


def reason(error: Exception) -> str:
    """Return the first line of another library's error message, or the type of the error if it has no message."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def nearest(name: str, names: Iterable[str], listed_by: str = "") -> str:
    """Return the end of an error line about an unknown name.

    It has the nearest names; if none is near, the command `listed_by`; if that is "", the first MOST_NAMED names.
    """
    names = sorted(names)
    if close := difflib.get_close_matches(name, names, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(close)}?"
    if listed_by:
        return f"`{listed_by}` lists them"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"there are: {', '.join(names[:MOST_NAMED])}{more}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Args:
        number: 0 or more.
        noun: in the singular.
        plural: default the noun and "s".

    Example:
        >>> counted(1, "class", "classes"), counted(2000, "set")
        ('1 class', '2,000 sets')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def with_causes(error: BaseException) -> list[BaseException]:
    """Return an error and the errors that caused it, the first cause last."""
    chain = [error]
    while (before := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(before)
    return chain
