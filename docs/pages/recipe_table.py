"""The table of shipped recipes by method and data, read from the recipes and their headers."""

import re
import tomllib
from pathlib import Path

from markdown_tables import markdown

RECIPES = Path(__file__).parents[2] / "recipes"
SCORE = re.compile(r"\d \+- \d")
PUBLISHED = re.compile(r"the (?:published|paper's) settings|thresholds of its authors")

METHODS = (
    "mtt",
    "ftd",
    "ast",
    "datm",
    "att",
    "pad",
    "edf",
    "tesla",
    "best",
    "dc",
    "dsa",
    "dm",
    "ncfm",
    "ncfm-release",
    "infer",
    "sre2l",
    "rded",
)
CORESETS = ("random", "herding", "kmeans")
GRAPHS = ("mirage", "mirage-plus")
IMAGES = ("digits", "fashion-mnist", "cifar10", "cifar100", "tiny-imagenet", "imagenette", "imagenet")

MARKS = {"measured": "**{}**", "published": "{}", "other": "*{}*"}
"""Markdown of an ipc by the state of its recipe. The order is that within a cell."""
STATES = tuple(MARKS)


def state(header: str) -> str:
    """The state of a recipe by its header: measured, published, or other (borrowed or own settings, not measured)."""
    if any(SCORE.search(line) and not line.startswith("# Published") for line in header.splitlines()):
        return "measured"
    return "published" if PUBLISHED.search(header.partition("\n")[0]) else "other"


def shipped() -> dict[tuple[str, str], list[tuple[int, str]]]:
    """(ipc, state) of every recipe by method and data, without duplicates; ipc is 0 for graphs."""
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for file in sorted(RECIPES.glob("*.toml")):
        text = file.read_text()
        recipe = tomllib.loads(text)
        header = "\n".join(line for line in text.splitlines() if line.startswith("#"))
        of = found.setdefault((recipe["method"]["name"], recipe["data"]["name"].removeprefix("folder:")), [])
        of.append((recipe["method"].get("ipc", 0), state(header)))
    return {key: sorted(set(recipes), key=lambda one: (STATES.index(one[1]), one[0])) for key, recipes in found.items()}


def image_table() -> str:
    """A row a method, a column a dataset, in each cell the images a class of the recipes."""
    found = shipped()

    def cell(method: str, data: str) -> str:
        return ", ".join(MARKS[state].format(ipc) for ipc, state in found.get((method, data), ()))

    body = [[f"`{method}`", *(cell(method, data) for data in IMAGES)] for method in (*METHODS, *CORESETS)]
    return markdown(["images a class", *IMAGES], body)


def graph_list(method: str) -> str:
    """The data of a graph method's recipes, with the same marks."""
    return ", ".join(MARKS[of[0][1]].format(data) for (name, data), of in sorted(shipped().items()) if name == method)
