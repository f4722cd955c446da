"""Progress of training experts."""

from collections.abc import Mapping

from ddkit.run import Meter


class Epochs:
    """Progress in epochs. Each expert's initialisation counts as one epoch. The meter must have been started."""

    def __init__(self, meter: Meter, total: int, count: int) -> None:
        self._meter, self.total, self.count = meter, total, count
        self._values: Mapping[str, float] = {}

    def one_more(self) -> None:
        """Count one more epoch. The count stays at the total, since experts may be trained twice after a failure."""
        self.count = min(self.total, self.count + 1)
        self._meter.advance(self.count, self._values)

    def show(self, values: Mapping[str, float]) -> None:
        """Show values beside the count from now on."""
        self._values = values
        self._meter.advance(self.count, values)
