"""Recipes with slips of the pen and with malice in them, drawn from a seed: what `ddkit recipes check` must survive.

python tests/mutated_recipes.py 10000     checks so many, prints each traceback and each that took over 2 s
"""

import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import DDKitError
from ddkit.jobs import resolved_toml
from ddkit.recipe_files import list_recipes

SLOW = 2.0
"""Seconds that no recipe may take."""

VALUES = (
    *("0", "-1", "1", "3.5", "1e400", "-1e400", "nan", "inf", "true", "none", '"none"', '""', "[]", "{}", "{a = 1}"),
    *("9" * 400, "9" * 5000, "-" + "9" * 30, "0x" + "f" * 6000, "1" + "0" * 31, "1_000", "07", "2**40", "1" * 60000),
    *("[" * 5000, "[" * 300 + "]" * 300, "{a = " * 500 + "1" + "}" * 500, "[[1], [2]]", "{a.b.c = 1}"),
    *('"' + "x" * 60000 + '"', '"\\u0000"', '"\\uD800"', "'''", '"""', '"a\\', "1979-05-27", "1979-05-27T07:32:00Z"),
    *('"color_colour"', '"../../.."', '"npz:"', '"folder:/dev/zero"', '"convnet(depth=0)"', '"no such thing"'),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e308", "5e-324", "2147483648"),
)
"""What stands for a value."""

LINES = (
    *("[method]", "[[method]]", "[method.name]", "method = 1", "[", "]", "=", "a", "a = ", "= 1", "\x00", "\x1b[2J"),
    *("seed.a = 1", "a." * 20000 + "a = 1", "[" + "a." * 20000 + "a]", '"a".' * 8000 + "a = 1", "a = " + "[" * 20000),
    *(
        "[net]\nname = {a = 1}",
        "[data]\nname = 3",
        "[experts]\nname = []",
        "[evaluate]\nnets = 10e30",
        "\ufeff",
        "é = 1",
    ),
    *('"""' + "\\" * 3000, "'''\n" * 3000, '"' * 30000, "#" * 30000, "k = {a = {b = {c = {d = {}}}}}"),
)
"""What stands for a line."""


@dataclass(frozen=True)
class Outcome:
    """What became of one recipe: the error line, None where it is good, and the seconds it took."""

    line: str | None
    seconds: float


def mutated(seed: int) -> bytes:
    """A shipped recipe with one to four changes; the same for the same seed."""
    draw = random.Random(seed)
    recipes = list(list_recipes().values())
    text = draw.choice(recipes).read_text(encoding="utf-8")
    for _ in range(draw.randint(1, 4)):
        text = draw.choice(CHANGES)(draw, text)
    raw = text.encode("utf-8", "surrogatepass")
    return _with_bytes(draw, raw) if draw.random() < 0.1 else raw


def checked(file: Path) -> Outcome:
    """What `ddkit recipes check FILE` does with it, in this process. Anything but an error line is raised."""
    begin = time.process_time()
    try:
        resolved_toml(file)
        line = None
    except DDKitError as error:
        line = str(error)
        assert len(line.splitlines()) == 1, line
        assert len(line) < 9000, f"a line of {len(line)} characters"
    return Outcome(line, time.process_time() - begin)


def campaign(count: int, folder: Path, first: int = 0) -> Iterator[tuple[int, Outcome | BaseException]]:
    """(seed, what became of it) of so many mutated recipes; a traceback is given as the exception."""
    for shipped in list_recipes().values():
        resolved_toml(shipped)  # imports what they name, whose time is no recipe's
    file = folder / "mutated.toml"
    for seed in range(first, first + count):
        file.write_bytes(mutated(seed))
        try:
            yield seed, checked(file)
        except Exception as error:  # the finding
            yield seed, error


def _place(draw: random.Random, text: str) -> tuple[list[str], int]:
    lines = text.split("\n")
    return lines, draw.randrange(len(lines))


def _another_value(draw: random.Random, text: str) -> str:
    lines, i = _place(draw, text)
    settings = [i for i, line in enumerate(lines) if "=" in line and not line.startswith("#")]
    if settings:
        i = draw.choice(settings)
        lines[i] = f"{lines[i].partition('=')[0]}= {draw.choice(VALUES)}"
    return "\n".join(lines)


def _another_key(draw: random.Random, text: str) -> str:
    lines, i = _place(draw, text)
    key, equals, value = lines[i].partition("=")
    cut = draw.randrange(len(key) + 1)
    lines[i] = key[:cut] + draw.choice(("x", ".", "_", " ", '"', "\n", "é", "x" * 30000)) + key[cut:] + equals + value
    return "\n".join(lines)


def _a_line_more(draw: random.Random, text: str) -> str:
    lines, i = _place(draw, text)
    lines.insert(i, draw.choice(LINES))
    return "\n".join(lines)


def _a_line_less(draw: random.Random, text: str) -> str:
    lines, i = _place(draw, text)
    del lines[i]
    return "\n".join(lines)


def _a_line_twice(draw: random.Random, text: str) -> str:
    lines, i = _place(draw, text)
    lines.insert(draw.randrange(len(lines)), lines[i])
    return "\n".join(lines)


def _another_character(draw: random.Random, text: str) -> str:
    i = draw.randrange(len(text) + 1)
    return text[:i] + draw.choice("\x00\"'[]{}=.#\\\n\r\t0e-é") + text[i + draw.randrange(2) :]


def _cut(draw: random.Random, text: str) -> str:
    return text[: draw.randrange(len(text) + 1)]


def _another_number(draw: random.Random, text: str) -> str:
    """A digit more, less or another, where one stands."""
    digits = [i for i, c in enumerate(text) if c.isdigit()]
    if not digits:
        return text
    i = draw.choice(digits)
    return text[:i] + draw.choice(("", "9", "00", "9" * draw.randint(1, 40), "-", ".")) + text[i + 1 :]


CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    *(_another_value, _another_value, _another_number, _another_key, _a_line_more, _a_line_less, _a_line_twice),
    *(_another_character, _cut),
)


def _with_bytes(draw: random.Random, raw: bytes) -> bytes:
    i = draw.randrange(len(raw) + 1)
    return raw[:i] + draw.choice((b"\xff", b"\x80", b"\x00", b"\xef\xbb\xbf", b"\xfe\xff", b"\r")) + raw[i:]


if __name__ == "__main__":
    import tempfile

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    tracebacks = slow = good = 0
    longest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seed, outcome in campaign(count, Path(folder)):
            if isinstance(outcome, BaseException):
                tracebacks += 1
                print(f"seed {seed}: {type(outcome).__name__}: {str(outcome)[:200]}")
                continue
            good += outcome.line is None
            longest = max(longest, outcome.seconds)
            if outcome.seconds > SLOW:
                slow += 1
                print(f"seed {seed}: {outcome.seconds:.1f} s: {(outcome.line or 'good')[:200]}")
    print(f"{count} recipes: {tracebacks} tracebacks, {slow} over {SLOW:g} s (longest {longest:.2f} s), {good} good")
    sys.exit(bool(tracebacks or slow))
