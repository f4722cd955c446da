"""Recipes: TOML tables in, frozen dataclasses out. Strict, and knows nothing of torch.

A settings class is a frozen dataclass whose fields are made by `setting`, which keeps the allowed range and a line of
help beside the default. Sections that come in several kinds (`net`, `experts`, `method`) carry a `name` key; who calls
`parse_recipe` supplies the function that turns (section, name) into the settings class, so that this file depends on
none of them and a third party's method is parsed like our own.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ddkit.errors import RecipeError, nearest
from ddkit.toml import SHOWN, parse_value, shortened, shown
from ddkit.toml import read_toml as read_toml  # recipes are read by all who read settings

NAMED_SECTIONS = ("net", "experts", "method")

FLIP_POLICIES = ("auto", "augment", "always")

LABEL_POLICIES = ("auto", "hard", "static", "dynamic")

MOST = 2**31 - 1
"""What an integer may be whose setting names no upper bound: more than anyone waits for or has memory for."""

ANY_SEED = 2**63 - 1
"""The largest seed."""

TEACHER_BN = ("running", "batch")
"""Statistics that teachers' batch norms run under: those they were saved with, or those of the images asked about."""

KINDS: dict[Any, str] = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}
"""What a setting can be."""

KEPT = "ipc"
"""The budget, which a method's name does not change the meaning of."""


def setting(
    default: Any = dataclasses.MISSING,
    *,
    at_least: int | float | None = None,
    above: int | float | None = None,
    at_most: int | float | None = None,
    below: int | float | None = None,
    one_of: tuple[str, ...] | tuple[float, ...] | None = None,
    epochs: bool = False,
    help: str = "",
) -> Any:
    """A dataclass field with its contract: default, range or choices, and one line of help. `epochs`: it counts epochs
    of the real data, so that what it stands for grows with the data."""
    bounds = {"at_least": at_least, "above": above, "at_most": at_most, "below": below}
    return field(default=default, metadata={**bounds, "one_of": one_of, "epochs": epochs, "help": help})


def preset(cls: type, name: str, default: Any) -> Any:
    """The setting `name` of a settings class with another default; its contract stays."""
    return field(default=default, metadata=_field(cls, name).metadata)


class Settings:
    """Base of all settings classes: a value given in Python is held to its contract as one in a recipe is.

    A child with a `__post_init__` of its own calls this one first. What a name or text stands for (a data set, an
    augmentation, a network) is checked where it is looked up.

    Example:
        >>> EvaluateSettings(nets=1)
        Traceback (most recent call last):
        ddkit.errors.RecipeError: EvaluateSettings, key 'nets': must be an integer of at least 2, got 1
    """

    def __post_init__(self) -> None:
        for field_, type_ in _contracts(type(self)):  # type: ignore[arg-type]  # a class is hashable
            where = f"{type(self).__name__}, key '{field_.name}'"
            object.__setattr__(self, field_.name, check(getattr(self, field_.name), field_, type_, where))


@cache
def _contracts(cls: type) -> list[tuple[dataclasses.Field, Any]]:
    """The fields of a settings class that `setting` made, each with its declared type."""
    types_ = typing.get_type_hints(cls)
    return [(f, types_[f.name]) for f in dataclasses.fields(cls) if "help" in f.metadata]


@dataclass(frozen=True, kw_only=True)
class DataSettings(Settings):
    """What is distilled, how it is split and in which space the synthetic images live."""

    name: str = setting(
        "digits",
        help="a name that `ddkit data ls` lists, or your own images as npz:FILE or folder:DIR",
    )
    validation: float = setting(0.1, above=0, below=0.5, help="share of each class held out of the training data")
    split_seed: int = setting(0, at_least=0, at_most=ANY_SEED, help="seed of the stratified validation draw")
    preprocess: str = setting("normalise", one_of=("normalise", "zca", "imagenet"), help="space the networks see")
    augment: str = setting("", help="DSA strategy such as color_crop_cutout_flip_scale_rotate; empty: no augmentation")
    flips_keep_label: bool | None = setting(
        None, help="whether a mirrored image keeps its label; none: what the data says, and if it does not, a test"
    )


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(Settings):
    """How the finished set is judged (protocol `honest`): the same training for every set in the table."""

    nets: int = setting(5, at_least=2, help="networks trained on each set")
    steps: int = setting(1000, at_least=1, help="optimiser steps, at least")
    epochs: int = setting(10, at_least=1, epochs=True, help="epochs, at least; the larger of steps and epochs decides")
    batch: int = setting(128, at_least=1, help="batch size, at most the whole set")
    whole: bool = setting(True, help="also train on the whole real training set")
    flips: str = setting(
        "auto",
        one_of=FLIP_POLICIES,
        help="augment: mirror as data.augment does; always: half of all images; auto: always if a set expects it (FYI)",
    )
    labels: str = setting(
        "auto",
        one_of=LABEL_POLICIES,
        help="hard: classes; static: teachers' labels of the images as they are; dynamic: teachers name every batch; "
        "auto: what a set has, classes for real images",
    )
    temperature: float | None = setting(
        None, above=0, help="at which labels that are logits are learned; none: the set's own, 30 where it has none"
    )
    teacher_bn: str = setting(
        "running", one_of=TEACHER_BN, help="teachers' batch norms run under their own statistics, or the batch's"
    )
    optimiser: str = setting("sgd", one_of=("sgd", "adamw"), help="sgd: momentum, lr drops once; adamw: cosine")
    mixup: float = setting(0.0, at_least=0, help="parameter of mixup's Beta distribution; 0: images are not mixed")
    mix: str = setting("logits", one_of=("logits", "probabilities"), help="as what teachers' labels are mixed")

    @property
    def of_a_row(self) -> EvaluateSettings:
        """What one row's score depends on: these settings without `whole`, which only adds a row to the table."""
        return dataclasses.replace(self, whole=True)


@dataclass(frozen=True, kw_only=True)
class Recipe(Settings):
    """One resolved recipe. `net`, `experts` and `method` hold the settings class of the kind that was named."""

    data: DataSettings
    net: Any
    experts: Any
    method: Any
    evaluate: EvaluateSettings
    seed: int = setting(0, at_least=0, at_most=ANY_SEED, help="seed of every draw but the experts' and the split's")


def parse_recipe(tables: Mapping[str, Any], settings_class: Callable[[str, str], type], where: str) -> Recipe:
    """Turn TOML tables into a Recipe.

    Args:
        tables: what `tomllib` gave, overrides applied.
        settings_class: maps (section, name) to a settings class, for the sections that carry a name.
        where: what error lines call this recipe.

    Raises:
        RecipeError: an unknown section or key, a wrong type, a value out of range, a missing name.
    """
    tables = dict(tables)
    _refuse_unknown(tables, ["data", *NAMED_SECTIONS, "evaluate", "seed"], where, "section or key")
    seed = check(tables.get("seed", 0), _field(Recipe, "seed"), int, f"{where}, key 'seed'")
    sections = {
        "data": parse_table(tables.get("data", {}), DataSettings, where, "data"),
        "evaluate": parse_table(tables.get("evaluate", {}), EvaluateSettings, where, "evaluate"),
    }
    if "method" not in tables:
        raise RecipeError(f"{where}: has no [method] section; add one with name = and ipc =")
    for section in ("method", "net", "experts"):
        table = tables.get(section)
        if table is None:
            sections[section] = None
            continue
        if not isinstance(table, dict) or not isinstance(table.get("name"), str):
            raise RecipeError(f"{where}, section '{section}': must name its kind, as in {section}.name = \"...\"")
        rest = {key: value for key, value in table.items() if key != "name"}
        sections[section] = parse_table(rest, settings_class(section, table["name"]), where, section)
    return Recipe(seed=seed, **sections)


def parse_table(table: Any, cls: type, where: str, section: str) -> Any:
    """One TOML table into one settings class, strictly."""
    if not isinstance(table, dict):
        raise RecipeError(f"{where}, key '{section}': must be a table, got {shown(table)}")
    types_ = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    _refuse_unknown(table, list(fields), where, "key", prefix=f"{section}.")
    missing = [name for name, f in fields.items() if f.default is dataclasses.MISSING and name not in table]
    if missing:
        raise RecipeError(f"{where}, key '{section}.{missing[0]}': is required but missing")
    values = {
        name: check(value, fields[name], types_[name], f"{where}, key '{section}.{name}'")
        for name, value in table.items()
    }
    return cls(**values)


def check(value: Any, field_: dataclasses.Field, type_: Any, where: str) -> Any:
    """The value in its declared type if it keeps the field's contract, else a RecipeError that says what would."""
    base, optional = _base(type_, where)
    if optional and (value is None or value == "none"):
        return None
    if base is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**1023 else math.inf
    contract = dict(field_.metadata)
    if base is int and contract.get("at_most") is None and isinstance(value, int) and value > MOST:
        contract["at_most"] = MOST  # named only where it matters
    good = isinstance(value, base) and (base is bool or not isinstance(value, bool))
    good = good and not (base is float and not math.isfinite(value))
    if good and not (contract.get("one_of") is None or value in contract["one_of"]):
        good = False
    if good and base in (int, float):
        low, above = contract.get("at_least"), contract.get("above")
        high, below = contract.get("at_most"), contract.get("below")
        good = (low is None or value >= low) and (above is None or value > above)
        good = good and (high is None or value <= high) and (below is None or value < below)
    if not good:
        raise RecipeError(f"{where}: must be {_wanted(base, optional, contract)}, got {shown(value)}")
    return value


def allowed(field_: dataclasses.Field, type_: Any) -> str:
    """What a setting may be, in words: "a number above 0 and at most 1", "one of sgd, adamw or none"."""
    base, optional = _base(type_, f"setting '{field_.name}'")
    return _wanted(base, optional, field_.metadata)


def _base(type_: Any, where: str) -> tuple[Any, bool]:
    """The type that a setting is declared as, and whether it may be none."""
    union = typing.get_origin(type_) in (types.UnionType, typing.Union)
    parts = typing.get_args(type_) if union else (type_,)
    bases = [part for part in parts if part is not type(None)]
    if len(bases) != 1 or bases[0] not in KINDS:
        raise RecipeError(
            f"{where}: its settings class declares it as {type_}, which no setting can be; declare it as bool, int, "
            "float or str, or as one of these or None"
        )
    return bases[0], type(None) in parts


def _wanted(base: Any, optional: bool, contract: Mapping[str, Any]) -> str:
    """A type and the range or the choices of a contract, in words."""
    kind = KINDS[base]
    bounds = [("of at least", contract.get("at_least")), ("above", contract.get("above"))]
    bounds += [("at most", contract.get("at_most")), ("below", contract.get("below"))]
    wanted = " and ".join([kind, *(f"{word} {bound}" for word, bound in bounds if bound is not None)])
    wanted = wanted.replace(f"{kind} and ", f"{kind} ", 1)
    if contract.get("one_of"):
        wanted = "one of " + ", ".join(map(str, contract["one_of"]))
    return f"{wanted}{' or none' if optional else ''}"


def override(tables: dict[str, Any], assignments: tuple[str, ...]) -> dict[str, Any]:
    """Tables with ``section.key=value`` assignments applied; values are TOML, a bare word is a string. Those of a
    section's name come first, since another kind drops the settings of the old one, and not those that are asked for.

    Raises:
        RecipeError: an assignment that is not of the form section.key=value.
    """
    tables = {key: dict(value) if isinstance(value, dict) else value for key, value in tables.items()}
    for assignment in sorted(assignments, key=lambda one: not _names(one)):
        path, equals, text = assignment.partition("=")
        parts = path.strip().split(".")
        where = f"--set {shown(assignment)}"
        if not equals or len(parts) > 2 or not all(parts):
            raise RecipeError(f"{where}: must look like section.key=value, as in method.syn_steps=30")
        value = parse_value(text, where)
        if len(parts) == 1:
            tables[parts[0]] = value
        else:
            section = tables.setdefault(parts[0], {})
            if not isinstance(section, dict):
                raise RecipeError(f"{where}: '{shortened(parts[0])}' is a key, not a section")
            if parts[1] == "name" and parts[0] in NAMED_SECTIONS and section.get("name") != value:
                for key in set(section) - {KEPT}:
                    del section[key]  # another kind: the old kind's settings do not apply to it
            section[parts[1]] = value
    return tables


def _names(assignment: str) -> bool:
    return assignment.partition("=")[0].strip() in {f"{section}.name" for section in NAMED_SECTIONS}


def only(assignments: tuple[str, ...], begins: tuple[str, ...], when: str) -> None:
    """Raise RecipeError if something else is to be set than what begins so, which is all that counts then."""
    for assignment in assignments:
        if not assignment.startswith(begins):
            raise RecipeError(f"--set {shown(assignment)}: only {begins[0]}* can be set {when}")


def dropped(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What an override left out of a recipe by naming another kind, as the tail of a line; empty if nothing."""
    kinds = [(section, before.get(section)) for section in NAMED_SECTIONS]
    gone = [
        f"[{section}]"
        for section, old in kinds
        if isinstance(old, dict) and set(old) - {"name", KEPT} and old.get("name") != after.get(section, {}).get("name")
    ]
    return f"; without its settings of {' and '.join(gone)}, which are another kind's" if gone else ""


def to_toml(recipe: Recipe) -> str:
    """The resolved recipe as TOML that `parse_recipe` reads back to an equal recipe; every default is written out."""
    lines = [f"seed = {recipe.seed}"]
    for section, settings in _sections(recipe):
        lines += ["", f"[{section}]"]
        if section in NAMED_SECTIONS:
            lines.append(f"name = {_toml_value(settings.name)}")
        values = ((f.name, getattr(settings, f.name)) for f in dataclasses.fields(settings))
        lines += [f"{name} = {_toml_value(value)}" for name, value in values]
    return "\n".join(lines) + "\n"


def changed_settings(recipe: Recipe) -> dict[str, Any]:
    """ "section.key" -> value of all that differs from the defaults, in the order of the sections and their keys."""
    changed: dict[str, Any] = {"seed": recipe.seed}
    for section, settings in _sections(recipe):
        if section in NAMED_SECTIONS:
            changed[f"{section}.name"] = settings.name
        for field_ in dataclasses.fields(settings):
            if (value := getattr(settings, field_.name)) != field_.default:
                changed[f"{section}.{field_.name}"] = value
    return changed


def _sections(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """The sections that there are, in their order in a file."""
    for section in ("data", "net", "experts", "method", "evaluate"):
        settings = getattr(recipe, section)
        if settings is not None:
            yield section, settings


def _toml_value(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML string
    return repr(value)


def _field(cls: type, name: str) -> dataclasses.Field:
    return next(f for f in dataclasses.fields(cls) if f.name == name)


def _refuse_unknown(table: Mapping[str, Any], known: list[str], where: str, what: str, prefix: str = "") -> None:
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: unknown {what} '{prefix}{shortened(key)}'; {nearest(key[:SHOWN], known)}")
