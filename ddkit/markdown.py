"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""Return a table with a heading for each column.

    Example:
        >>> print(table(("set", "bytes"), [("a|b", 12)]))
        | set | bytes |
        |---|---|
        | a\|b | 12 |
    """
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
