"""A quick check of an imported set: short trainings on it and on random real images of the same size."""

from ddkit.evaluation import EvaluateSettings
from ddkit.evaluation.honest import score_row
from ddkit.evaluation.score import Score
from ddkit.evaluation.table import RivalRow, SetRow, Table
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.run import Meter
from ddkit.synth import SyntheticSet
from ddkit.task import Task

SHORT = EvaluateSettings(nets=2, steps=200, epochs=1, whole=False)
"""Two networks at every learning rate of the grid, each for some seconds."""


def check_quickly(synthetic: SyntheticSet, task: Task, meter: Meter) -> tuple[Score, Score]:
    """Score a set and random real images of the same size on the validation part, and report both.

    A further line says so if the set is not better, which a wrong space or wrong labels cause.

    Returns:
        The scores of the set and of random-real.
    """
    table = Table.of_set(synthetic, task, SHORT)
    rows = (SetRow(synthetic.facts.title, 0), RivalRow("random-real", "random-real"))
    with fitting_threads(task.net.shape):
        own, random = (score_row(row.make(table, 0), table.task, SHORT, 0, "validation") for row in rows)
    meter.say(
        f"check: {100 * own.mean:.1f} % on validation images after {SHORT.steps} steps; random real images of the same "
        f"size {100 * random.mean:.1f} %"
    )
    if own.mean <= random.mean:
        meter.say(
            "check: the set is not better than random images; its space, its constants, or the order of its classes "
            "may be wrong (--space, --mean, --std, --data)"
        )
    return own, random
