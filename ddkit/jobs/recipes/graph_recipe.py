"""Recipes of methods for graphs. Their sections are those of `Recipe` without [net] and [experts]."""

from dataclasses import dataclass

from ddkit.evaluation import GraphTraining
from ddkit.graphs import GraphDataSettings
from ddkit.jobs.recipes.any_recipe import AnyRecipe
from ddkit.jobs.recipes.layout import Layout
from ddkit.methods import GraphMethodSettings, graph_method


@dataclass(frozen=True, kw_only=True)
class GraphRecipe(AnyRecipe):
    """One resolved recipe for graphs."""

    data: GraphDataSettings
    method: GraphMethodSettings
    evaluate: GraphTraining


def _method_settings(name: str) -> type[GraphMethodSettings]:
    return graph_method(name).settings_class


GRAPHS = Layout(
    plain={"data": GraphDataSettings, "evaluate": GraphTraining},
    named={"method": _method_settings},
    unknown="section or key '{}' is unknown to a method for graphs",
    required="add one with name =",
)
