"""Condensation methods, one paper in each file.

A method receives an immutable settings dataclass and a context (real data, network, augmentation, experts, seed). It
returns a `SyntheticSet`, or a `GraphSet` if the data are graphs. A method never opens a file, reads a recipe or prints.
`ddkit.run.drive` runs iterative methods; one-shot methods make their set in one call. `table.py` maps names to methods,
which are imported on use. Third-party methods are added by the entry-point group `ddkit.methods`.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.methods.contract import (
        Context,
        ImageMethodClass,
        IterativeMethod,
        Method,
        OneShotMethod,
    )
    from ddkit.methods.given import GivenImages, path_of_given
    from ddkit.methods.graph_contract import GraphContext, GraphMethod, GraphMethodClass, GraphMethodSettings
    from ddkit.methods.method_settings import MethodSettings
    from ddkit.methods.table import graph_method, image_method, method_class, method_names

__all__ = [
    "Context",
    "GivenImages",
    "path_of_given",
    "IterativeMethod",
    "OneShotMethod",
    "Method",
    "ImageMethodClass",
    "MethodSettings",
    "method_class",
    "image_method",
    "graph_method",
    "method_names",
    "GraphContext",
    "GraphMethod",
    "GraphMethodClass",
    "GraphMethodSettings",
]
