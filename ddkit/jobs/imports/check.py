"""A quick check of an imported set: short trainings on it and on random real images of the same size."""

from dataclasses import dataclass
from statistics import fmean

import torch

from ddkit.data import Part
from ddkit.errors import counted
from ddkit.evaluation import EvaluateSettings, RivalRow, SetRow, Table, TableRow, Training, train_networks
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.randomness import stream
from ddkit.run import Meter
from ddkit.synth import SyntheticSet
from ddkit.task import Task

NETS, LR = 3, 0.01
"""Networks of each row, and the learning rate of published code."""

SHORT = Training(steps=200, batch=64, drop_at=150)
"""A training of some seconds."""

JUDGED = 1_000
"""Validation images on which the networks are judged, of an even selection if there are more."""


@dataclass(frozen=True)
class Check:
    """Mean accuracies on validation images, as fractions."""

    own: float
    random: float


def check_quickly(synthetic: SyntheticSet, task: Task, meter: Meter) -> Check:
    """Train a few networks on a set and on random real images of the same size, and report both accuracies.

    A further line says so if the set is not better, which a wrong space or wrong labels cause.
    """
    table = Table.of_set(synthetic, task, EvaluateSettings(nets=NETS))
    rows: tuple[TableRow, ...] = (SetRow(synthetic.facts.title, 0), RivalRow("random-real", "random-real"))
    with fitting_threads(task.net.shape):
        found = Check(*(_accuracy(row, table) for row in rows))
    meter.say(
        f"check: {100 * found.own:.1f} % on validation images, after {SHORT.steps} steps of "
        f"{counted(NETS, 'network')}; random real images of the same size {100 * found.random:.1f} %"
    )
    if found.own <= found.random:
        meter.say(
            "check: the set is not better than random images; its space, its constants, or the order of its classes "
            "may be wrong (--space, --mean, --std, --data)"
        )
    return found


def _accuracy(row: TableRow, table: Table) -> float:
    """The mean accuracy of short trainings on a row."""
    made, validation = row.make(table, 0), table.task.real.validation
    step = -(-len(validation) // JUDGED)
    judged = Part(validation.images[::step], validation.labels[::step])
    draws = stream(0, "import", made.trained_on)
    trained = train_networks(table.task.net, made, torch.full((NETS,), LR), SHORT, table.task.dsa, draws)
    return fmean(trained.accuracy(judged))
