"""Recipes as a whole: their sections, from TOML tables to settings and back to a text.

In: the tables of a recipe and its `Layout`, the mapping of sections to settings classes. Out: a `WrittenRecipe`, whose
missing sections are still missing; a resolved one is a `Recipe` (images) or a `GraphRecipe`, which are `AnyRecipe`s.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.recipes.any_recipe import AnyRecipe, changed_settings, to_toml
    from ddkit.jobs.recipes.graph_recipe import GRAPHS, GraphRecipe
    from ddkit.jobs.recipes.layout import Layout, WrittenRecipe, parse_recipe
    from ddkit.jobs.recipes.recipe import IMAGES, Recipe
    from ddkit.jobs.recipes.resolved import ResolvedRecipe

__all__ = [
    "AnyRecipe",
    "changed_settings",
    "to_toml",
    "Layout",
    "WrittenRecipe",
    "parse_recipe",
    "GRAPHS",
    "GraphRecipe",
    "IMAGES",
    "Recipe",
    "ResolvedRecipe",
]
