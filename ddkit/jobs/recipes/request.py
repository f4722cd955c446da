"""The request of a call: the flags that a recipe is made of, before it is known whether they fit."""

import json
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import UsageError


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


@dataclass(frozen=True)
class Judging:
    """The request of an evaluation.

    `protocols` and `architectures` give one table each; without architectures the set's own is taken, and with `cross`
    it and those of the field's pool. `data` says where the real data is now; `nets` is the number of networks a row.
    """

    protocols: tuple[str, ...] = ("honest",)
    architectures: tuple[str, ...] = ()
    cross: bool = False
    data: str | None = None
    nets: int | None = None
    overrides: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"
    baselines: bool = True


FYI = "+fyi"
"""Ends the name of a recipe that is to be made with FYI."""


@dataclass(frozen=True)
class Comparing:
    """The request of a comparison; see `ddkit.compare`."""

    recipes: tuple[str | Path, ...]
    sets: int = 3
    nets: int | None = None
    overrides: tuple[str, ...] = ()
    out: Path = Path("runs/compare")
    on: str = "test"
    flips: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    device: str = "auto"


def refuse_options(kind: str, **given: bool) -> None:
    """Raise UsageError for the first option that is given and means nothing to this kind of data.

    Example:
        >>> refuse_options("graphs", ipc=True)
        Traceback (most recent call last):
        ddkit.errors.UsageError: option --ipc: is for images; graphs have nothing it could change
    """
    for name, is_given in given.items():
        if is_given:
            raise UsageError(f"option --{name.replace('_', '-')}: is for images; {kind} have nothing it could change")
