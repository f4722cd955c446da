"""The two kinds of data, images and graphs, behind one contract.

The method of a request, or a set, determines the kind. A `Kind` resolves recipes, begins and plans runs, evaluates sets
and compares recipes. The public jobs call a `Kind` and do not depend on which one it is.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.kinds.finding import KINDS, kind_of_recipe, kind_of_request, kind_of_set
    from ddkit.jobs.kinds.kind import AnyKind, Kind

__all__ = ["AnyKind", "Kind", "KINDS", "kind_of_recipe", "kind_of_request", "kind_of_set"]
