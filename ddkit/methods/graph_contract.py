"""What a method for graphs is: settings, and `distil(settings, train, seed) -> GraphSet`, in one step."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ddkit.errors import UsageError
from ddkit.graphs import GraphData, graph_bytes
from ddkit.recipe import Settings, setting
from ddkit.synth import GraphSet


@dataclass(frozen=True, kw_only=True)
class GraphMethodSettings(Settings):
    """What every method for graphs can be asked for."""

    name: ClassVar[str]
    hops: int = setting(
        2, at_least=1, at_most=1000, help="depth of the trees: message passings of the networks to be trained"
    )
    budget: int | None = setting(None, at_least=1, at_most=2**60, help="bytes that the set may take; none: by ratio")
    ratio: float = setting(0.02, above=0, at_most=1, help="share of the training graphs' bytes that the set may take")
    true_degrees: bool = setting(False, help="tell trees apart by their leaves' true degrees, which makes GCN exact")
    exact: bool = setting(False, help="compare trees instead of their 64-bit hashes, at a few times the time")

    def bytes_for(self, train: GraphData) -> int:
        """The budget in bytes."""
        return self.budget if self.budget is not None else int(self.ratio * graph_bytes(train).sum())


class GraphMethod(Protocol):
    """A class without state; what it needs comes with the call."""

    settings_class: ClassVar[type[GraphMethodSettings]]

    def distil(self, settings: Any, train: GraphData, seed: int) -> GraphSet:
        """The set of the training graphs, of at most `settings.bytes_for(train)` bytes as it is stored."""
        ...


def refuse_budget(settings: GraphMethodSettings, budget: int, why: str) -> UsageError:
    """The line for a budget that nothing fits into."""
    return UsageError(
        f"method '{settings.name}': {budget} bytes are too few: {why}; raise method.ratio or method.budget"
    )
