"""The warning that a fast way failed and a slower one is taken."""

import functools
import warnings


def warn_slower(what: str, why: str, instead: str = "it runs operation by operation") -> None:
    """Warn, once a process for the same texts, that `what` happened and what is done `instead`.

    `why` is an error's text, of which the first line is shown.
    """
    _warn_once(what, next(iter(why.strip().splitlines()), "no reason given"), instead)


@functools.cache
def _warn_once(what: str, why: str, instead: str) -> None:
    warnings.warn(f"{what} ({why}); {instead}, which is slower", RuntimeWarning, stacklevel=4)
