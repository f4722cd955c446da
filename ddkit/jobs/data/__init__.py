"""The real data of a job: loading, a check of the memory that they need, and a report of their parts."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.data.graph_memory import memory_lines
    from ddkit.jobs.data.graph_parts import graph_lines
    from ddkit.jobs.data.loading import load_task, report_data, report_net

__all__ = [
    "memory_lines",
    "graph_lines",
    "load_task",
    "report_data",
    "report_net",
]
