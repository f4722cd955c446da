"""The kind of a recipe and of a set."""

from pathlib import Path

from ddkit.jobs.kinds.graphs import Graphs
from ddkit.jobs.kinds.images import Images
from ddkit.jobs.kinds.kind import AnyKind
from ddkit.jobs.recipes.request import Request
from ddkit.jobs.recipes.resolve import method_named
from ddkit.methods import method_class
from ddkit.methods.table import method_homes
from ddkit.recipe import override
from ddkit.recipe_files import find_recipe
from ddkit.synth import GraphSet, SyntheticSet, is_graph_set
from ddkit.toml import read_toml

KINDS: dict[str, AnyKind] = {kind.name: kind for kind in (Images(), Graphs())}


def kind_of_recipe(method: str | None, recipe: str | Path | None) -> AnyKind:
    """The kind of data of a method, or of a recipe's method if `method` is None; images if the method is not known.

    An unknown method raises no error here. It is refused where the recipe is resolved, in a line that names the key.
    """
    if method is None and recipe is not None:
        where, text = find_recipe(recipe)
        method = method_named(read_toml(text, where))
    if method is None or method not in method_homes():
        return KINDS["images"]
    return KINDS[method_class(method).settings_class.kind]


def kind_of_request(request: Request) -> AnyKind:
    """The kind of data of a request: of the method that its flags and overrides name, or else of its recipe."""
    return kind_of_recipe(method_named(override({}, request.assignments)), request.recipe)


def kind_of_set(source: SyntheticSet | GraphSet | str | Path) -> AnyKind:
    """The kind of a set. `source` is the set, its file, its run folder or its name."""
    graphs = isinstance(source, GraphSet) if not isinstance(source, str | Path) else is_graph_set(source)
    return KINDS["graphs" if graphs else "images"]
