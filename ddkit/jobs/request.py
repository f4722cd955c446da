"""The request of a call: the flags that a recipe is made of, before it is known whether they fit."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Request:
    """The arguments that `condense` and `plan` share; None where one was not given.

    `recipe` is the name of a shipped recipe or a TOML file. The flags are laid over it, and `overrides`, texts of the
    form "section.key=value", over both.
    """

    method: str | None = None
    data: str | None = None
    ipc: int | None = None
    fyi: bool = False
    recipe: str | Path | None = None
    seed: int | None = None
    overrides: tuple[str, ...] = ()

    @property
    def assignments(self) -> tuple[str, ...]:
        """The flags that were given, and the overrides after them, as "section.key=value" texts."""
        flags = [
            ("method.name", self.method),
            ("data.name", self.data),
            ("method.ipc", self.ipc),
            ("seed", self.seed),
            ("method.fyi", self.fyi or None),
        ]
        given = tuple(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in flags if value is not None)
        return given + self.overrides
