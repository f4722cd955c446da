"""ddkit recipes"""

import click

from ddkit.cli.output import echo


@click.group()
def recipes() -> None:
    """Recipes: one TOML file per method, dataset and images per class, or per method and graphs."""


@recipes.command()
def ls() -> None:
    """List the recipes that ship with ddkit, each with the first line of its header."""
    from ddkit.cli.table import print_rows
    from ddkit.recipe_files import list_recipes

    first_lines = ((name, file.read_text().partition("\n")[0].lstrip("# ")) for name, file in list_recipes().items())
    print_rows(("name", "what"), first_lines)


@recipes.command()
@click.argument("recipe")
@click.option("--resolved", is_flag=True, help="With every default written out.")
def show(recipe: str, resolved: bool) -> None:
    """Print a recipe: copy it, edit it, and pass the file to --recipe."""
    from ddkit.jobs.graph_recipe import resolved_toml
    from ddkit.recipe_files import find_recipe

    echo(resolved_toml(recipe) if resolved else find_recipe(recipe)[1], end="")


@recipes.command()
@click.argument("recipes", nargs=-1)
def check(recipes: tuple[str, ...]) -> None:
    """Check recipes (names or files; default all that ship) without running them."""
    from ddkit.jobs.graph_recipe import resolved_toml
    from ddkit.recipe_files import list_recipes

    names = recipes or tuple(list_recipes())
    for name in names:
        resolved_toml(name)
    echo(f"{len(names)} recipe{'s' if len(names) != 1 else ''} good")
