"""Obtain the teachers of a recipe: read stored ones, and train missing ones."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddkit.errors import DataError, NumericalError
from ddkit.executors import Report, Watch, executor_in_use
from ddkit.experts.memory import expert_needs
from ddkit.experts.population_stats import population_stats
from ddkit.experts.progress import Epochs
from ddkit.experts.teachers.bundle import Bundle, TeacherFacts, write_bundle
from ddkit.experts.teachers.ensemble import Ensemble
from ddkit.experts.teachers.settings import TeacherSettings
from ddkit.experts.teachers.wanted import Wanted, wanted_teachers
from ddkit.experts.train import train_experts
from ddkit.nets import FlatNet, accuracy
from ddkit.randomness import stream
from ddkit.run import LOCK, Meter, locked, sweep
from ddkit.task import Task


def obtain_teachers(root: Path, task: Task, settings: TeacherSettings, meter: Meter) -> Ensemble:
    """The teachers of `settings` for the task's data, from their bundles under `root`. Missing ones are trained.

    The executor in use trains them, each as a unit. Teacher e of a network draws from stream(settings.seed, "expert",
    e) only. If another run is training one of them, this one waits and then uses that teacher.

    Raises:
        DataError: a damaged bundle; or data that is not normalised channel by channel.
        NumericalError: a teacher diverged; it is not stored.
    """
    real = task.real
    if real.preprocess.mean is None:
        raise DataError(
            f"teachers of '{real.data.name}': need data.preprocess = \"normalise\", not {real.preprocess.space}; "
            "their batch norms are matched in that space"
        )
    wanted = wanted_teachers(root, task, settings)
    trained = 0
    if any(teacher.untrained for teacher in wanted):
        with ExitStack() as held:
            files = {teacher.file for teacher in wanted if teacher.untrained}
            for file in sorted(files):  # sorted, so that no two runs wait for each other
                lock = file.with_name(f".{file.stem}{LOCK}")
                held.enter_context(locked(lock, f"teacher '{file.stem}'", doing="being trained", wait=meter.say))
                sweep(root, partial(str.__eq__, file.name))
            missing = [teacher for teacher in wanted if teacher.untrained]
            if missing:
                _train(missing, wanted, task, settings, meter)
            trained = len(missing)
    return Ensemble(tuple(teacher.read(real) for teacher in wanted), trained=trained)


@dataclass(frozen=True)
class TrainTeacher:
    """A unit of work: train one teacher on the data of the units' common task.

    It reports the number of finished epochs, where the initialisation counts as one.
    """

    settings: TeacherSettings
    teacher: Wanted

    def run(self, common: Task, report: Report) -> tuple[np.ndarray, float]:
        """Return (parameters [P], mean training loss) of the last epoch."""
        assert self.teacher.net is not None
        task, settings = common.with_net(self.teacher.net), self.settings
        generator = stream(settings.seed, "expert", self.teacher.which)
        trained = train_experts(task, settings, settings.epochs, [generator])
        theta, losses = next(trained)  # the initialisation
        report(1)
        for finished in range(2, settings.epochs + 2):
            theta, losses = next(trained)
            report(finished)
        return theta[0].cpu().numpy(), float(losses[0])


def _train(missing: list[Wanted], wanted: list[Wanted], task: Task, settings: TeacherSettings, meter: Meter) -> None:
    """Train the missing teachers, and write each to its file."""
    each = settings.epochs + 1
    total, before = each * len(wanted), each * (len(wanted) - len(missing))
    meter.start("training teachers, epochs", total, before)
    done = Epochs(meter, total, before)
    watch = Watch(lambda unit, finished: done.reach(unit.teacher.file, finished), meter.say)
    units = [TrainTeacher(settings, teacher) for teacher in missing]
    each_needs = [expert_needs(task.with_net(one.net), settings, rows=1) for one in missing if one.net is not None]
    needs = max(each_needs, key=lambda one: one.memory)
    with closing(executor_in_use().run(units, task, needs, watch)) as trained:
        for unit, (parameters, loss) in trained:
            teacher = unit.teacher
            assert teacher.net is not None
            theta = torch.from_numpy(parameters).to(task.real.train.images)
            _refuse_lost_numbers(teacher.net, theta)
            bundle = bundle_of(task.with_net(teacher.net), theta)
            write_bundle(bundle, teacher.file)
            done.show({"loss": loss, "validation": bundle.facts.validation_accuracy})
    meter.finish()


def bundle_of(task: Task, theta: Tensor) -> Bundle:
    """The teacher with the task's network and the trained parameters `theta` [P]."""
    net, real = task.net, task.real
    stats = population_stats(net, theta, real.train.images)
    validation = accuracy(net, theta, real.validation.images, real.validation.labels, stats or None)
    return Bundle(theta, stats, TeacherFacts.of(net, real, real.data.name, validation))


def _refuse_lost_numbers(net: FlatNet, theta: Tensor) -> None:
    if not bool(theta.isfinite().all()):
        raise NumericalError(f"teacher {net.spec}: its parameters are no longer finite; lower experts.lr")
