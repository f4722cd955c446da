"""A resolved recipe of either kind."""

from ddkit.jobs.recipes.graph_recipe import GraphRecipe
from ddkit.jobs.recipes.recipe import Recipe

ResolvedRecipe = Recipe | GraphRecipe
