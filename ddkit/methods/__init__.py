"""Condensation methods: one paper a file, all of one shape.

In: an immutable settings dataclass and a `Context` (real data, network, augmentation, experts, seed). Out: a
`SyntheticSet`. A method never opens a file, reads a recipe or prints; `ddkit.run.drive` runs any of them. Methods are
found by name in one table and imported on use; others join through the entry-point group `ddkit.methods`. Methods for
graphs take graphs and give a `GraphSet`, in one step.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.methods.contract import Context, Method, MethodClass, MethodSettings
    from ddkit.methods.graph_contract import GraphMethod, GraphMethodSettings
    from ddkit.methods.graph_table import GRAPH_METHODS, graph_method
    from ddkit.methods.table import method_class, method_names

__all__ = [
    "Context",
    "Method",
    "MethodClass",
    "MethodSettings",
    "method_class",
    "method_names",
    "GraphMethod",
    "GraphMethodSettings",
    "GRAPH_METHODS",
    "graph_method",
]
