"""Importing a set that others released: the request, the space of its images, its lineage, and a quick check."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.imports.check import check_quickly
    from ddkit.jobs.imports.facts import Origin, origin_of, soft_labels_of
    from ddkit.jobs.imports.lineage import lineage_of
    from ddkit.jobs.imports.packing import Unfolded, factor_of, stored_counts, unfolded
    from ddkit.jobs.imports.recipe import ImportedRecipe
    from ddkit.jobs.imports.request import ImportRequest
    from ddkit.jobs.imports.space import Space, decide_space

__all__ = [
    "ImportRequest",
    "ImportedRecipe",
    "Origin",
    "Space",
    "Unfolded",
    "check_quickly",
    "decide_space",
    "factor_of",
    "lineage_of",
    "origin_of",
    "soft_labels_of",
    "stored_counts",
    "unfolded",
]
