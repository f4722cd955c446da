"""Progress of training experts."""

from collections.abc import Hashable, Mapping

from ddkit.run import Meter


class Epochs:
    """Progress in epochs. Each expert's initialisation counts as one epoch. The meter must have been started."""

    def __init__(self, meter: Meter, total: int, count: int) -> None:
        self._meter, self._total, self._before = meter, total, count
        self._done: dict[Hashable, int] = {}
        self._values: Mapping[str, float] = {}

    def reach(self, unit: Hashable, epochs: int) -> None:
        """Note that a unit of work has finished so many epochs. After a failure it may begin at 0 again."""
        self._done[unit] = epochs
        self._advance()

    def show(self, values: Mapping[str, float]) -> None:
        """Show values beside the count from now on."""
        self._values = values
        self._advance()

    def _advance(self) -> None:
        self._meter.advance(min(self._total, self._before + sum(self._done.values())), self._values)
