"""The experts that a recipe asks for: trajectories of many, or a few teachers."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from ddkit.experts import Buffer, BufferKey, Ensemble, TeacherSettings, Trajectories, collect, hire
from ddkit.home import home
from ddkit.jobs.recipes import Recipe
from ddkit.run import Meter
from ddkit.task import Task


@contextmanager
def experts_of(recipe: Recipe, task: Task, meter: Meter) -> Iterator[tuple[Trajectories | Ensemble | None, str]]:
    """The experts, trained where they are missing, and a digest of them; None and "" if the recipe asks for none.
    Within the block nobody removes their buffer."""
    if recipe.experts is None:
        yield None, ""
    elif isinstance(recipe.experts, TeacherSettings):
        teachers = hire(home() / "teachers", task, recipe.experts, meter)
        yield teachers, hashlib.sha256(" ".join(bundle.digest for bundle in teachers).encode()).hexdigest()
    else:
        key = BufferKey(task.real.data.name, task.real.digest, task.dsa.strategy, task.net.spec, recipe.experts)
        root, epochs = home() / "buffers", recipe.method.reads_epochs
        with Buffer(root / key.folder).in_use(meter):
            buffer = Buffer.open(root, key)
            yield collect(buffer, task, recipe.experts, epochs, meter), key.digest
