"""The warning that a fast implementation failed and a slower one is used."""

import functools
import warnings


def warn_slower(what: str, why: str, instead: str = "it runs operation by operation") -> None:
    """Warn that `what` happened and what is done `instead`. The same warning is shown once in a process.

    `why` is an error's text; its first line is shown.
    """
    _warn_once(what, next(iter(why.strip().splitlines()), "no reason given"), instead)


@functools.cache
def _warn_once(what: str, why: str, instead: str) -> None:
    warnings.warn(f"{what} ({why}); {instead}, which is slower", RuntimeWarning, stacklevel=4)
