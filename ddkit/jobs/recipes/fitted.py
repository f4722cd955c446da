"""Fit a recipe that was made for one dataset to the size of another dataset.

There are two rules. They change nothing if the other dataset has not more images, or not larger ones, and they never
change a setting that the user has set.

Steps: training has as many steps as on the recipe's own data. An epoch of ten times as many images has ten times as
many steps. So every setting that counts epochs (of the evaluation, of experts and teachers, and of the method) becomes
a tenth, rounded up; settings whose minimum is 0 (start epochs) are rounded down.

Network: on larger images, a ConvNet gets the usual depth for their size, and half the width if that depth is larger.
From digits to 28 and 32 pixels, this gives depth 3 and width 16, as in the recipes with suffix -cpu.
"""

import dataclasses
import math
from pathlib import Path

from ddkit.data import ImageData, load_images
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.recipes.request import Request
from ddkit.jobs.recipes.resolve import source_data
from ddkit.nets import ConvNetSettings, NetSettings, fitting_convnet
from ddkit.recipe import Settings, admits
from ddkit.recipe_files import find_recipe
from ddkit.toml import read_toml


def fit_to_data(recipe: Recipe, request: Request, data: ImageData) -> tuple[Recipe, str]:
    """The recipe for `data`, and a line about changes or missing ones; "" if there is nothing to report.

    A recipe that the request names is used as written. A recipe that was chosen for the request is `fitted`.
    """
    if request.recipe is None:
        source = source_data(request.method, request.data, request.ipc)
        return fitted(recipe, source, data, request.overrides)
    return recipe, used_as_written(recipe, request.recipe, len(data.train_labels))


def fitted(recipe: Recipe, source: str | None, data: ImageData, overrides: tuple[str, ...]) -> tuple[Recipe, str]:
    """The recipe for `data`, and a line with the changed settings; "" if none changed.

    Args:
        recipe: a resolved recipe.
        source: the data that its settings were made for; None: they are a method's defaults.
        data: the data that it is used on.
        overrides: "section.key=value" texts, whose settings do not change.
    """
    if source is None or source == recipe.data.name:
        return recipe, ""
    own = load_images(source)
    overridden = {text.partition("=")[0].strip() for text in overrides}
    found = {"net": _deeper(recipe.net, own, data)}
    share = len(own.train_labels) / len(data.train_labels)
    for section in ("experts", "method", "evaluate"):
        found[section] = _fewer_epochs(getattr(recipe, section), share) if share < 1 else {}
    texts = []
    for section, changes in found.items():
        changes = {key: value for key, value in changes.items() if f"{section}.{key}" not in overridden}
        if changes:
            settings = dataclasses.replace(getattr(recipe, section), **changes)
            recipe = dataclasses.replace(recipe, **{section: settings})
            texts += [f"{section}.{key} {value}" for key, value in changes.items()]
    if not texts:
        return recipe, ""
    counted = "" if data.validation_images is not None else " (train and validation)"
    return recipe, f"made for {_size(own)} of '{source}' and fitted to {_size(data)}{counted}: {', '.join(texts)}"


def used_as_written(recipe: Recipe, source: str | Path, count: int) -> str:
    """A line that says that a recipe is used on other data without being fitted; "" on its own data.

    Args:
        recipe: a resolved recipe.
        source: its name or file.
        count: training images of the data.
    """
    where, text = find_recipe(source)
    own = read_toml(text, where).get("data", {}).get("name", recipe.data.name)
    if own == recipe.data.name:
        return ""
    use = f"was made for '{own}' and is used as written on {count:,} images of '{recipe.data.name}'"
    return f"{where} {use}; settings that count epochs may mean much longer training (ddkit plan estimates it)"


def _deeper(net: NetSettings, own: ImageData, data: ImageData) -> dict[str, int]:
    """Changed depth and width of a ConvNet for larger images."""
    if not isinstance(net, ConvNetSettings) or min(data.shape[1:]) <= min(own.shape[1:]):
        return {}
    depth = fitting_convnet(data.shape, net.width).depth
    return {"depth": depth, "width": max(1, net.width // 2)} if depth > net.depth else {}


def _fewer_epochs(settings: Settings | None, share: float) -> dict[str, int]:
    """The settings that count epochs, multiplied by `share`, where that changes them."""
    if settings is None:
        return {}
    fewer = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.metadata.get("epochs") and value is not None:
            rounded = math.floor if admits(field, 0) else math.ceil
            fewer[field.name] = rounded(value * share)
    return {name: value for name, value in fewer.items() if value != getattr(settings, name)}


def _size(data: ImageData) -> str:
    return f"{len(data.train_labels):,} images of {data.shape[1]}x{data.shape[2]}"
