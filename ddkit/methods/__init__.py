"""Condensation methods: one paper a file, all of one shape.

In: an immutable settings dataclass and a context (real data, network, augmentation, experts, seed). Out: a
`SyntheticSet`, or a `GraphSet` of graphs. A method never opens a file, reads a recipe or prints. Iterative methods are
run by `ddkit.run.drive`, one-shot methods make their set in one call. Methods are found by name in one table and
imported on use; others join through the entry-point group `ddkit.methods`.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.methods.contract import (
        Context,
        ImageMethodClass,
        IterativeMethod,
        Method,
        MethodSettings,
        OneShotMethod,
    )
    from ddkit.methods.graph_contract import GraphContext, GraphMethod, GraphMethodClass, GraphMethodSettings
    from ddkit.methods.table import graph_method, image_method, method_class, method_names

__all__ = [
    "Context",
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
