"""Estimates of work before it begins: probes, plans, and announcements of long work."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.planning.graphs import plan_graphs
    from ddkit.jobs.planning.images import plan_images
    from ddkit.jobs.planning.long_work import AnnouncingMeter, announce_long_evaluation, announce_long_work
    from ddkit.jobs.planning.stages import Plan, free_disk

__all__ = [
    "AnnouncingMeter",
    "announce_long_evaluation",
    "announce_long_work",
    "plan_graphs",
    "plan_images",
    "Plan",
    "free_disk",
]
