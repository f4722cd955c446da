"""A recipe that was made for other data, fitted to the size of the data that it meets.

Two rules, which change nothing where there is not more data than the recipe's own, nor a setting that is asked for:

Steps: training takes as many steps as on the recipe's own data. An epoch of ten times as many images has ten times as
many steps, so every setting that counts epochs (of the evaluation, of experts and teachers, and those that a method
reads of them) becomes a tenth, rounded up; settings whose minimum is 0 (start epochs) are rounded down.

Network: on larger images a ConvNet gets the field's depth for their size; where that is deeper, it gets half the width.
From digits to 28 and 32 pixels this is depth 3 and width 16, as in the recipes for Fashion-MNIST and CIFAR-10 that two
cores finish.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

from ddkit.data import ImageData, load_images
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.recipes.request import Request
from ddkit.jobs.recipes.resolve import lent_by
from ddkit.nets import ConvNetSettings, fitting_convnet
from ddkit.recipe import admits
from ddkit.recipe_files import find_recipe
from ddkit.toml import read_toml


def for_this_data(recipe: Recipe, request: Request, data: ImageData) -> tuple[Recipe, str]:
    """The recipe for `data`, and a line that says what a user must know of it; "" if there is nothing.

    A recipe that was asked for is used as written. One that was chosen for the request is `fitted`.
    """
    if request.recipe is None:
        lender = lent_by(request.method, request.data, request.ipc)
        return fitted(recipe, lender, data, request.overrides)
    return recipe, used_as_written(recipe, request.recipe, len(data.train_labels))


def fitted(recipe: Recipe, lender: str | None, data: ImageData, overrides: tuple[str, ...]) -> tuple[Recipe, str]:
    """The recipe for `data`, and a line that says what was changed; "" if nothing was.

    Args:
        recipe: as it was resolved.
        lender: the data that its settings were made for; None: they are no recipe's.
        data: what it is used on.
        overrides: "section.key=value" texts, which stay.
    """
    if lender is None or lender == recipe.data.name:
        return recipe, ""
    own = load_images(lender)
    asked = {text.partition("=")[0].strip() for text in overrides}
    found = {"net": _deeper(recipe.net, own, data)}
    share = len(own.train_labels) / len(data.train_labels)
    for section in ("experts", "method", "evaluate"):
        found[section] = _fewer_epochs(getattr(recipe, section), share) if share < 1 else {}
    told = []
    for section, changes in found.items():
        changes = {key: value for key, value in changes.items() if f"{section}.{key}" not in asked}
        if changes:
            settings = dataclasses.replace(getattr(recipe, section), **changes)
            recipe = dataclasses.replace(recipe, **{section: settings})
            told += [f"{section}.{key} {value}" for key, value in changes.items()]
    if not told:
        return recipe, ""
    counted = "" if data.validation_images is not None else " (train and validation)"
    return recipe, f"made for {_size(own)} of '{lender}' and fitted to {_size(data)}{counted}: {', '.join(told)}"


def used_as_written(recipe: Recipe, source: str | Path, count: int) -> str:
    """A line that says that a recipe, asked for by name or file, is not fitted to other data; "" on its own data.

    Args:
        recipe: as it was resolved.
        source: its name or file.
        count: training images of the data.
    """
    where, text = find_recipe(source)
    own = read_toml(text, where).get("data", {}).get("name", recipe.data.name)
    if own == recipe.data.name:
        return ""
    told = f"was made for '{own}' and is used as written on {count:,} images of '{recipe.data.name}'"
    return f"{where} {told}; settings that count epochs may take much longer there (ddkit plan says how long)"


def _deeper(net: Any, own: ImageData, data: ImageData) -> dict[str, int]:
    """Depth and width of a ConvNet for larger images."""
    if not isinstance(net, ConvNetSettings) or min(data.shape[1:]) <= min(own.shape[1:]):
        return {}
    depth = fitting_convnet(data.shape, net.width).depth
    return {"depth": depth, "width": max(1, net.width // 2)} if depth > net.depth else {}


def _fewer_epochs(settings: Any, share: float) -> dict[str, int]:
    """The settings that count epochs, where a `share` of them is another number."""
    fewer = {}
    for field in dataclasses.fields(settings) if settings is not None else ():
        value = getattr(settings, field.name)
        if field.metadata.get("epochs") and value is not None:
            rounded = math.floor if admits(field, 0) else math.ceil
            fewer[field.name] = rounded(value * share)
    return {name: value for name, value in fewer.items() if value != getattr(settings, name)}


def _size(data: ImageData) -> str:
    return f"{len(data.train_labels):,} images of {data.shape[1]}x{data.shape[2]}"
