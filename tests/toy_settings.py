"""A settings class with one setting of each sort."""

from dataclasses import dataclass
from typing import ClassVar

from ddkit.recipe import Settings, setting


@dataclass(frozen=True, kw_only=True)
class Toy(Settings):
    name: ClassVar[str] = "toy"
    ipc: int = setting(1, at_least=1)
    rate: float = setting(0.5, above=0, at_most=1)
    batch: int | None = setting(None, at_least=1)
    space: str = setting("a", one_of=("a", "b"))
    fast: bool = setting(False)
