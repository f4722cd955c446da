"""An estimate of what making the set of a recipe takes, without a probe."""

from dataclasses import dataclass

from ddkit.executors import Needs
from ddkit.experts.teachers.source import TeacherSource
from ddkit.jobs.recipes import Recipe
from ddkit.task import Task

ROUGH = 8
"""The estimate of a set's memory may be up to so many times too large, for example if the network has a fused step."""


@dataclass(frozen=True)
class SetEffort:
    """What making one set takes.

    Attributes:
        needs: the device and its memory.
        time: a number that grows with the time. It has no unit, and compares sets of different recipes.
    """

    needs: Needs
    time: float

    @staticmethod
    def of(recipe: Recipe, task: Task) -> "SetEffort":
        """The estimate for a recipe on its task."""
        own = _with_largest_teacher(recipe, task)
        effort = recipe.method.effort(own)
        return SetEffort(Needs(task.device, effort.memory, task.data_bytes, ROUGH), effort.time(own.net))


def _with_largest_teacher(recipe: Recipe, task: Task) -> Task:
    """The task with the network of the recipe's largest teacher, if it has teachers that are trained by ddkit."""
    source = recipe.source(task)
    if not isinstance(source, TeacherSource):
        return task
    nets = [teacher.net for teacher in source.wanted() if teacher.net is not None]
    return task.with_net(max(nets, key=lambda net: net.activations)) if nets else task
