"""Tables of numbers as text, a line a row, as graph collections keep them."""

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from ddkit.errors import DataError, reason

Array = np.ndarray


def read_numbers(path: Path, where: str, opened: Callable[..., IO[Any]] = open) -> Array:
    """A comma-separated file without header, [rows, columns], as whole numbers if all are.

    Args:
        where: what an error line calls the graphs.
        opened: what opens the file as text, as `gzip.open` does.

    Raises:
        DataError: the file is missing, holds something else than numbers, or its lines are not equally long.
    """
    try:
        with opened(path, "rt") as file:
            lines = file.read().splitlines()
        columns = lines[0].count(",") + 1 if lines else 1
        if any(line.count(",") + 1 != columns for line in lines):
            raise ValueError("its lines are not equally long")
        values = np.array(",".join(lines).split(",") if lines else [], dtype=np.float64).reshape(-1, columns)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{where}, file '{path}': cannot be read ({reason(error)})") from None
    return values.astype(np.int64) if np.array_equal(values, np.floor(values)) else values
