"""Whole recipes: their sections, from TOML tables to settings and back to a text.

`parse_recipe` reads the tables of a recipe by its `Layout`, which maps sections to settings classes. It returns a
`WrittenRecipe`, which may lack sections. A resolved recipe is a `Recipe` (images) or a `GraphRecipe`; both are children
of `AnyRecipe`.
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
