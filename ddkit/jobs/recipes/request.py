"""The requests of public calls: their arguments, before they are checked."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ddkit.errors import UsageError
from ddkit.recipe_files import without_suffixes


@dataclass(frozen=True)
class Request:
    """The arguments that `condense` and `plan` share; None if an argument was not given.

    `recipe` is the name of a shipped recipe or a TOML file. The other arguments replace its settings. `overrides`,
    which are texts of the form "section.key=value", replace both.
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
        """The given arguments, followed by the overrides, as "section.key=value" texts."""
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

    Every pair of a protocol and an architecture gives one table. If there are no architectures, the set's own is used.
    `cross` adds the set's own and those of `ddkit.jobs.tables.images.POOL`. `data` is the place of the real data;
    `nets` is the number of networks a row. `scores` is "ddranking" or "".
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
    scores: str = ""


def variant(recipe: str | Path) -> tuple[str, tuple[str, ...]]:
    """A recipe without the suffixes of its name in a comparison, and the settings that these stand for.

    Example:
        >>> variant("mtt-digits-ipc1+fyi+2x2")
        ('mtt-digits-ipc1', ('method.fyi=true', 'method.formation=2'))
    """
    plain, suffixes = without_suffixes(recipe)
    each = suffixes.split("+")[1:]
    return plain, tuple("method.fyi=true" if one == "fyi" else f"method.formation={one[0]}" for one in each)


def refuse_odd_suffixes(recipe: str | Path) -> None:
    """Raise UsageError if a recipe's name in a comparison has two suffixes of one kind, or one such as "+2x3".

    Example:
        >>> refuse_odd_suffixes("mtt-digits-ipc1+2x3")
        Traceback (most recent call last):
        ddkit.errors.UsageError: recipe 'mtt-digits-ipc1+2x3': an image is packed +2x2 to +8x8, got +2x3; correct it
    """
    plain, settings = variant(recipe)
    odd = re.search(r"\+\d+x\d+\Z", plain)
    if odd and not Path(plain).exists():
        raise UsageError(f"recipe '{recipe}': an image is packed +2x2 to +8x8, got {odd[0]}; correct it")
    if len({one.partition("=")[0] for one in settings}) < len(settings):
        given = str(recipe).removeprefix(plain)
        raise UsageError(f"recipe '{recipe}': {given} has two suffixes of one kind; keep one of them")


def name_in_table(recipe: str | Path) -> str:
    """The name of a recipe in a comparison: the file's name without its ending, then "-fyi" if it is used with FYI,
    then "-2x2" with images packed 2 x 2. The order of the suffixes makes no difference."""
    plain, suffixes = without_suffixes(recipe)
    ordered = sorted(suffixes.split("+")[1:], key=lambda one: one != "fyi")
    return "-".join([Path(plain).name.removesuffix(".toml"), *ordered])


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
    scores: str = ""


def refuse_options(kind: str, **given: bool) -> None:
    """Raise UsageError for the first given option that this kind of data does not have.

    Example:
        >>> refuse_options("graphs", ipc=True)
        Traceback (most recent call last):
        ddkit.errors.UsageError: option --ipc: is for images only and has no effect on graphs; leave it out
    """
    for name, is_given in given.items():
        if is_given:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"option {option}: is for images only and has no effect on {kind}; leave it out")
