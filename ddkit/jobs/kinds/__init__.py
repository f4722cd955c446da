"""The two kinds of data, images and graphs, behind one contract.

In: a request, whose method or set decides on the kind. Out: a `Kind`, which resolves recipes, begins runs, and plans,
evaluates and compares. The public jobs know no difference between the kinds.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.kinds.finding import KINDS, kind_of_recipe, kind_of_set
    from ddkit.jobs.kinds.kind import Kind

__all__ = ["Kind", "KINDS", "kind_of_recipe", "kind_of_set"]
