"""The experts that a recipe asks for: trajectories of many, or a few teachers."""

import hashlib

from ddkit.experts import Buffer, BufferKey, Ensemble, TeacherSettings, Trajectories, collect, hire
from ddkit.home import home
from ddkit.jobs.bench import Bench
from ddkit.recipe import Recipe
from ddkit.run import Meter


def experts_of(recipe: Recipe, bench: Bench, meter: Meter) -> tuple[Trajectories | Ensemble | None, str]:
    """The experts, trained where they are missing, and a digest of them; None and "" if the recipe asks for none."""
    if recipe.experts is None:
        return None, ""
    if isinstance(recipe.experts, TeacherSettings):
        teachers = hire(home() / "teachers", bench.real, recipe.experts, bench.dsa, meter)
        return teachers, hashlib.sha256(" ".join(bundle.digest for bundle in teachers).encode()).hexdigest()
    key = BufferKey(bench.real.data.name, bench.real.digest, bench.dsa.strategy, bench.net.spec, recipe.experts)
    buffer = Buffer.open(home() / "buffers", key)
    epochs = recipe.method.reads_epochs
    return collect(buffer, bench.real, bench.net, recipe.experts, bench.dsa, epochs, meter), key.digest
