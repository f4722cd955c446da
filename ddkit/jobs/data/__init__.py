"""Real data as a job uses it: loaded, refused where it is too large, and stated part by part."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.data.graph_memory import memory_lines
    from ddkit.jobs.data.graph_parts import graph_lines
    from ddkit.jobs.data.loading import lay_out, say_data

__all__ = [
    "memory_lines",
    "graph_lines",
    "lay_out",
    "say_data",
]
