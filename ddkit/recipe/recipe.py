"""Recipes: TOML tables in, frozen dataclasses out. Strict, and knows nothing of torch.

A settings class is a frozen dataclass whose fields are made by `setting`, which keeps the allowed range and a line of
help beside the default. Sections that come in several kinds (`net`, `experts`, `method`) carry a `name` key; who calls
`parse_recipe` supplies the function that turns (section, name) into the settings class, so that this file depends on
none of them and a third party's method is parsed like our own.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ddkit.errors import RecipeError, nearest
from ddkit.recipe.contract import contract_of
from ddkit.recipe.overrides import NAMED_SECTIONS
from ddkit.recipe.settings import ANY_SEED, Settings, field_of, setting
from ddkit.recipe.table import parse_table
from ddkit.toml import SHOWN, shortened

FLIP_POLICIES = ("auto", "augment", "always")

LABEL_POLICIES = ("auto", "hard", "static", "dynamic")

TEACHER_BN = ("running", "batch")
"""Statistics that teachers' batch norms run under: those they were saved with, or those of the images asked about."""


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
    known = ["data", *NAMED_SECTIONS, "evaluate", "seed"]
    for key in tables:
        if key not in known:
            raise RecipeError(f"{where}: unknown section or key '{shortened(key)}'; {nearest(key[:SHOWN], known)}")
    seed = contract_of(field_of(Recipe, "seed"), int, where).check(tables.get("seed", 0), f"{where}, key 'seed'")
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
