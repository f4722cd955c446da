"""A finished set: its facts, its pixels, and the real data that it was made from."""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.jobs.sets.facts import describe
    from ddkit.jobs.sets.pixels import raw_images
    from ddkit.jobs.sets.real_data import SET_WITH_FLIPS, data_of, load_task_of, teacher_table

__all__ = [
    "describe",
    "raw_images",
    "SET_WITH_FLIPS",
    "data_of",
    "load_task_of",
    "teacher_table",
]
