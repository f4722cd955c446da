"""Reads TOML with limits. A text that is too long or too deep, or has impossible numbers, is refused before it costs
time or memory."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from ddkit.errors import RecipeError

MOST_CHARACTERS = 64 * 1024
"""Largest number of characters of a recipe. The longest that ships has 2 kB."""

DEEPEST = 8
"""Largest number of names in a dotted key, and of nested brackets. A recipe has two. tomllib needs quadratic time and
memory for a long key, and reaches Python's recursion limit for many brackets."""

LONGEST_TEXT = 4096
"""Largest number of characters of a value, which is that of a path on Linux."""

SHOWN = 60
"""Characters of a value or a name in an error line."""

_OPAQUE = re.compile(
    r'"""(?:\\.|[^\\"]|"(?!""))*+(?:"{3,5}|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"
    r'|"(?:\\.|[^"\\\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+",
    re.DOTALL,
)
"""Texts and comments, in which dots and brackets have no meaning. The expression reads every character once."""

_HUGE = "an integer of more than 64 bits; write a smaller one"

_NAME = r"[\w-]++[ \t]*+"
_DEEP_KEY = re.compile(rf"(?<![\w-])(?:{_NAME}\.[ \t]*+){{{DEEPEST}}}")


def read_toml(text: str, where: str) -> dict[str, Any]:
    """Parse a TOML text into tables. Integers must have at most 64 bits, as in the TOML standard.

    Raises:
        RecipeError: the text is not TOML (the error has the line), or exceeds a limit.
    """
    refuse_beyond_limits(text, where)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: is not valid TOML: {shortened(str(error), 200)}") from None
    except (ValueError, RecursionError):  # an integer with more digits than Python accepts
        raise RecipeError(f"{where}: holds {_HUGE}") from None
    _refuse_huge(tables, where)
    return tables


def refuse_beyond_limits(text: str, where: str) -> None:
    """Raise RecipeError for a text that is too long or too deep. The time is proportional to the length."""
    if len(text) > MOST_CHARACTERS:
        raise RecipeError(f"{where}: is longer than {MOST_CHARACTERS:,} characters; check the file")
    bare = _OPAQUE.sub(lambda found: "" if found[0].startswith("#") else "s", text)
    if _DEEP_KEY.search(bare) or _depth(bare) > DEEPEST:
        raise RecipeError(f"{where}: is nested more than {DEEPEST} deep; write sections of key = value")


def parse_value(text: str, where: str) -> Any:
    """Parse one TOML value. A bare word, or anything else that is not a TOML value, is a string.

    Raises:
        RecipeError: the value exceeds a limit.
    """
    refuse_beyond_limits(text, where)
    try:
        tables = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        tables = {}
    except (ValueError, RecursionError):
        raise RecipeError(f"{where}: {shown(text)} is {_HUGE}") from None
    value = tables["value"] if set(tables) == {"value"} else text.strip()  # several lines are not a value
    _refuse_huge({"value": value}, where)
    return value


def shown(value: Any) -> str:
    """Return `repr` of a value for an error line, shortened if it is long."""
    return shortened(repr(value), SHOWN)


def shortened(text: str, most: int = SHOWN) -> str:
    """Return the text, or its beginning and its length if it is longer than `most`."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


def _depth(bare: str) -> int:
    """Return the largest number of brackets that are open at once."""
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]{}]", bare):
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _refuse_huge(tables: Any, where: str) -> None:
    for value in _leaves(tables):
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise RecipeError(f"{where}: holds {_HUGE}")
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise RecipeError(f"{where}: holds a text of {len(value):,} characters; {LONGEST_TEXT:,} are the most")


def _leaves(value: Any) -> Iterator[Any]:
    """Give all values inside tables and lists."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value
