"""The request of an import."""

from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import UsageError, nearest
from ddkit.releases import SPACES
from ddkit.synth import TEMPERATURES


@dataclass(frozen=True, kw_only=True)
class ImportRequest:
    """The arguments of `ddkit.import_set`, which describes them.

    Raises:
        UsageError: an unknown space, a number out of range, or mean without std.
    """

    path: Path
    data: str
    space: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    method: str | None = None
    ipc: int | None = None
    net: str | None = None
    augment: str | None = None
    lr: float | None = None
    temperature: float | None = None
    factor: int | None = None
    fyi: bool = False
    force: bool = False

    def __post_init__(self) -> None:
        if self.space is not None and self.space not in SPACES:
            raise UsageError(f"--space: '{self.space}' is unknown; {nearest(self.space, SPACES)}")
        if (self.mean is None) != (self.std is None):
            raise UsageError("--mean and --std: one is missing; give both, one number a channel, or neither")
        if self.mean is not None and self.space == "zca":
            raise UsageError("--mean: whitened images have no constants; leave --mean and --std out")
        for name, value in (("ipc", self.ipc), ("factor", self.factor)):
            if value is not None and value < 1:
                raise UsageError(f"--{name}: must be at least 1, got {value}")
        low, high = TEMPERATURES
        if self.temperature is not None and not low <= self.temperature <= high:
            raise UsageError(f"--temperature: must lie between {low:g} and {high:g}, got {self.temperature:g}")
        if self.lr is not None and not 0 < self.lr < float("inf"):
            raise UsageError(f"--lr: must be above 0, got {self.lr:g}")

    @property
    def where(self) -> str:
        """The beginning of error lines."""
        return f"release '{self.path}'"

    @property
    def constants(self) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """Mean and std as they were given."""
        return None if self.mean is None or self.std is None else (self.mean, self.std)
