"""What every test of a door does alike."""

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from hypothesis import HealthCheck, settings

from ddkit.errors import DDKitError

T = TypeVar("T")


def draws(count: int) -> settings:
    """So many inputs, the same at every run; one that takes 20 seconds is a hang."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=timedelta(seconds=20),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def knock(read: Callable[[], T]) -> T | None:
    """What `read` gives; None where it refuses in one line that says something. Anything else is raised."""
    try:
        return read()
    except DDKitError as error:
        assert len(str(error)) > 20 and len(str(error).splitlines()) == 1, error
        return None
