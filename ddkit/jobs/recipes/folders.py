"""The default run folder of a recipe."""

from pathlib import Path

from ddkit.jobs.recipes.graph_recipe import GraphRecipe
from ddkit.jobs.recipes.recipe import Recipe
from ddkit.recipe import Uneven


def ipc_in_names(ipc: int | Uneven) -> str:
    """The images a class in names of recipes and folders: ipc10, ipcshare0.01, or ipctable and the table's sum."""
    return f"ipc{ipc.label if isinstance(ipc, Uneven) else ipc}"


def image_folder(recipe: Recipe) -> Path:
    """runs/METHOD-DATA-ipcN-seedS; with FYI, METHOD-fyi instead of METHOD, and METHOD-2x2 for packed images."""
    data = Path(recipe.data.name.partition(":")[2] or recipe.data.name).name.removesuffix(".npz")
    name = recipe.method.name
    method = name + recipe.method.title.removeprefix(name).replace("+", "-")
    return Path("runs") / f"{method}-{data}-{ipc_in_names(recipe.method.ipc)}-seed{recipe.seed}"


def graph_folder(recipe: GraphRecipe) -> Path:
    """runs/METHOD-DATA-hopsL-seedS."""
    data = Path(recipe.data.name.partition(":")[2] or recipe.data.name).stem
    return Path("runs") / f"{recipe.method.name}-{data}-hops{recipe.method.hops}-seed{recipe.seed}"
