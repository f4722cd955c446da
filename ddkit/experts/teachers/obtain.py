"""Obtain the teachers of a recipe: read stored ones, and train missing ones."""

from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ddkit.errors import DataError, NumericalError
from ddkit.experts.population_stats import population_stats
from ddkit.experts.progress import Epochs
from ddkit.experts.teachers.bundle import Bundle, TeacherFacts, write_bundle
from ddkit.experts.teachers.ensemble import Ensemble
from ddkit.experts.teachers.settings import TeacherSettings
from ddkit.experts.teachers.wanted import Wanted, wanted_teachers
from ddkit.experts.train import train_experts
from ddkit.nets import FlatNet, accuracy
from ddkit.randomness import stream
from ddkit.run import LOCK, Meter, Report, how_many, locked, sweep, work_through
from ddkit.task import Task


def obtain_teachers(root: Path, task: Task, settings: TeacherSettings, meter: Meter) -> Ensemble:
    """The teachers of `settings` for the task's data, from their bundles under `root`. Missing ones are trained.

    On a CPU, each teacher is trained in a process of its own, as many at once as there are cores. Teacher e of a
    network draws from stream(settings.seed, "expert", e) only. If another run is training one of them, this one waits
    and then uses that teacher.

    Raises:
        DataError: a damaged bundle; or data that is not normalised channel by channel.
        NumericalError: a teacher diverged; it is not stored.
    """
    real = task.real
    if getattr(real.preprocess, "mean", None) is None:
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

    It reports None for the initialisation and each epoch but the last, and (parameters [P], mean training loss) for the
    last epoch.
    """

    settings: TeacherSettings
    teacher: Wanted

    def run(self, common: Task, report: Report) -> None:
        assert self.teacher.net is not None
        task, settings = common.with_net(self.teacher.net), self.settings
        generator = stream(settings.seed, "expert", self.teacher.which)
        for epoch, (theta, losses) in enumerate(train_experts(task, settings, settings.epochs, [generator])):
            report((theta[0].cpu().numpy(), float(losses[0])) if epoch == settings.epochs else None)


def _train(missing: list[Wanted], wanted: list[Wanted], task: Task, settings: TeacherSettings, meter: Meter) -> None:
    """Train the missing teachers, and write each to its file."""
    done = Epochs(meter, (settings.epochs + 1) * len(wanted), (settings.epochs + 1) * (len(wanted) - len(missing)))
    meter.start("training teachers, epochs", done.total, done.count)

    units = [TrainTeacher(settings, teacher) for teacher in missing]
    with closing(work_through(units, task, how_many(task.device), lambda unit, epoch: done.one_more())) as finished:
        for unit, (*_, last) in finished:
            teacher = unit.teacher
            assert teacher.net is not None and last is not None
            parameters, loss = last
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
