"""Condensation methods: one paper a file, all of one shape.

In: an immutable settings dataclass and a `Context` (real data, network, augmentation, experts, seed). Out: a
`SyntheticSet`. A method never opens a file, reads a recipe or prints; `ddkit.run.drive` runs any of them. Methods are
found by name in one table and imported on use; others join through the entry-point group `ddkit.methods`.
"""

from ddkit.methods.contract import Context, Method, MethodClass, MethodSettings
from ddkit.methods.table import method_class, method_names

__all__ = ["Context", "Method", "MethodClass", "MethodSettings", "method_class", "method_names"]
