"""The machine that a job runs on: device, threads, versions; and its bytes and seconds in words."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.machine.amounts import LONG, size_text, time_text
    from ddkit.jobs.machine.device import graph_device, pick_device
    from ddkit.jobs.machine.environment import environment
    from ddkit.jobs.machine.run_units import run_units
    from ddkit.jobs.machine.stopwatch import Stopwatch, TimedMeter
    from ddkit.jobs.machine.threads import fitting_threads, one_thread

__all__ = [
    "LONG",
    "size_text",
    "time_text",
    "graph_device",
    "pick_device",
    "environment",
    "run_units",
    "Stopwatch",
    "TimedMeter",
    "fitting_threads",
    "one_thread",
]
