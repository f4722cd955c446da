"""ddkit recipes"""

import click

from ddkit.cli.output import echo
from ddkit.errors import counted


@click.group()
def recipes() -> None:
    """Recipes: one TOML file per method, dataset and images per class, or per method and graphs."""


@recipes.command()
@click.option("--method", help="Only recipes of this method.")
@click.option("--data", help="Only recipes for this data.")
@click.option("--fits", type=click.Choice(["cpu"]), help="Only recipes whose header does not say 'needs a GPU'.")
def ls(method: str | None, data: str | None, fits: str | None) -> None:
    """List the recipes that ship with ddkit, by data; with an option, each with the first line of its header."""
    from ddkit.cli.grid import print_columns, print_rows
    from ddkit.recipe_files import shipped_recipes

    found = shipped_recipes(method, data, fits == "cpu")
    if method or data or fits:
        print_rows(("name", "what"), ((recipe.name, recipe.what) for recipe in found), wraps="what")
        return
    for kind in dict.fromkeys(recipe.data for recipe in found):
        for fits_cpu, where in ((True, "on a CPU"), (False, "on a GPU")):
            names = [recipe.name for recipe in found if (recipe.data, recipe.fits_cpu) == (kind, fits_cpu)]
            if names:
                echo(f"{kind}, {where}")
                print_columns(names)
                echo()
    echo("`ddkit recipes ls --data NAME` describes each; also --method NAME, --fits cpu")


@recipes.command()
@click.argument("recipe")
@click.option("--resolved", is_flag=True, help="With every default written out.")
def show(recipe: str, resolved: bool) -> None:
    """Print a recipe: copy it, edit it, and pass the file to --recipe."""
    from ddkit.recipe_files import find_recipe

    if not resolved:
        echo(find_recipe(recipe)[1], end="")
        return
    from ddkit.jobs import resolved_toml  # needs torch

    echo(resolved_toml(recipe), end="")


@recipes.command()
@click.argument("recipes", nargs=-1)
def check(recipes: tuple[str, ...]) -> None:
    """Check recipes (names or files; default all that ship) without running them."""
    from ddkit.jobs import resolved_toml
    from ddkit.recipe_files import list_recipes

    names = recipes or tuple(list_recipes())
    for name in names:
        resolved_toml(name)
    echo(f"{counted(len(names), 'recipe')} good")
