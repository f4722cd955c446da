"""The experts that a recipe needs: how many are there, how many are missing, and what those take on the disk."""

from dataclasses import dataclass

import torch

from ddkit.experts import Buffer, BufferKey, TeacherSettings, posts
from ddkit.home import home
from ddkit.jobs.recipes import Recipe
from ddkit.task import Task

HEADER = 2500
"""Bytes of an expert's file beside its rows."""


@dataclass(frozen=True)
class Stock:
    """Experts in the buffer and those missing; bytes of one, and of what is missing."""

    there: int
    missing: int
    expert: int
    disk: int


def take_stock(recipe: Recipe, task: Task) -> Stock:
    """Look into the buffer without making it; an expert that is too short counts as missing, for it is trained anew."""
    assert recipe.experts is not None
    if isinstance(recipe.experts, TeacherSettings):
        wanted = posts(home() / "teachers", task, recipe.experts)
        away = [post.net for post in wanted if post.net is not None and post.untrained]
        disk = sum(HEADER + 4 * net.parameters for net in away)
        return Stock(len(wanted) - len(away), len(away), disk // max(1, len(away)), disk)
    key = BufferKey(task.real.data.name, task.real.digest, task.dsa.strategy, task.net.spec, recipe.experts)
    buffer, rows, count = Buffer(home() / "buffers" / key.folder), recipe.method.reads_epochs + 1, recipe.experts.count
    missing = [expert for expert in range(count) if buffer.rows(expert) < rows]
    size = HEADER + rows * task.net.parameters * getattr(torch, recipe.experts.dtype).itemsize
    replaced = sum(buffer.file(expert).stat().st_size for expert in missing if buffer.file(expert).exists())
    return Stock(count - len(missing), len(missing), size, max(0, len(missing) * size - replaced))
