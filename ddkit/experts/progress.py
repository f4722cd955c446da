"""Progress of the training of experts."""

from collections.abc import Mapping

from ddkit.run import Meter


class Epochs:
    """Progress in epochs, each expert's initialisation counted as one; the meter must have been started."""

    def __init__(self, meter: Meter, total: int, count: int) -> None:
        self._meter, self.total, self.count = meter, total, count
        self._values: Mapping[str, float] = {}

    def one_more(self) -> None:
        """Another epoch is there; more than there are come where experts were tried twice."""
        self.count = min(self.total, self.count + 1)
        self._meter.advance(self.count, self._values)

    def show(self, values: Mapping[str, float]) -> None:
        """The values that stand beside the count from now on."""
        self._values = values
        self._meter.advance(self.count, values)
