"""What work will take before it begins: probes, plans, and lines about long work."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.planning.forewarning import Foreseeing, say_long_evaluation, say_what_is_long
    from ddkit.jobs.planning.graphs import plan_graphs
    from ddkit.jobs.planning.images import plan_images
    from ddkit.jobs.planning.probe import RIVALS
    from ddkit.jobs.planning.stages import Plan, free_disk

__all__ = [
    "Foreseeing",
    "say_long_evaluation",
    "say_what_is_long",
    "plan_graphs",
    "plan_images",
    "RIVALS",
    "Plan",
    "free_disk",
]
