"""The contract of methods for graphs: `distil()` makes a `GraphSet` from the settings and a `GraphContext`."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from ddkit.errors import UsageError, counted
from ddkit.graphs import GraphData, graph_bytes
from ddkit.recipe import Settings, setting
from ddkit.synth import GraphSet


@dataclass(frozen=True, kw_only=True)
class GraphMethodSettings(Settings):
    """Settings that all methods for graphs share."""

    kind: ClassVar[str] = "graphs"
    name: ClassVar[str]
    expert_kind: ClassVar[str | None] = None
    fixed: ClassVar[tuple[str, ...]] = ()
    divided: ClassVar[bool] = False
    total_iterations: ClassVar[int] = 0
    """All methods for graphs are one-shot methods."""
    hops: int = setting(
        2, at_least=1, at_most=1000, help="depth of the trees: message-passing layers of the networks to be trained"
    )
    budget: int | None = setting(
        None, at_least=1, at_most=2**60, help="largest size of the set in bytes; none: given by ratio"
    )
    ratio: float = setting(0.02, above=0, at_most=1, help="largest size of the set, as a share of the training graphs'")
    true_degrees: bool = setting(False, help="distinguish trees by their leaves' true degrees, which makes GCN exact")
    exact: bool = setting(False, help="compare trees instead of their 64-bit hashes, which is a few times slower")

    @property
    def title(self) -> str:
        """Name of the set in tables: the method."""
        return self.name

    def bytes_for(self, train: GraphData) -> int:
        """The budget in bytes."""
        return self.budget if self.budget is not None else int(self.ratio * graph_bytes(train).sum())


@dataclass(frozen=True)
class GraphContext:
    """The training graphs, and the seed of all draws."""

    train: GraphData
    seed: int


@runtime_checkable
class GraphMethod(Protocol):
    """A method for graphs. All of them are one-shot methods."""

    def distil(self) -> GraphSet:
        """Make a set whose stored size is at most `settings.bytes_for(context.train)` bytes."""
        ...


@runtime_checkable
class GraphMethodClass(Protocol):
    """A class of methods for graphs in the table of methods."""

    settings_class: ClassVar[type[GraphMethodSettings]]

    def __call__(self, settings: Any, context: GraphContext) -> GraphMethod: ...


def refuse_budget(settings: GraphMethodSettings, budget: int, why: str) -> UsageError:
    """Return the error for a budget that is too small for any set."""
    return UsageError(
        f"method '{settings.name}': a budget of {counted(budget, 'byte')} is too small: {why}; raise method.ratio or "
        "method.budget"
    )
