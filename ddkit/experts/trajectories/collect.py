"""Train the missing experts of a buffer."""

from contextlib import closing

from torch import Tensor

from ddkit.errors import NumericalError
from ddkit.executors import Watch
from ddkit.experts.progress import Epochs
from ddkit.experts.settings import ExpertSettings
from ddkit.experts.trajectories.buffer import Buffer
from ddkit.experts.trajectories.factory import train_all
from ddkit.experts.trajectories.trajectories import Trajectories
from ddkit.nets import accuracy
from ddkit.run import Meter
from ddkit.task import Task


def collect(buffer: Buffer, task: Task, settings: ExpertSettings, epochs: int, meter: Meter) -> Trajectories:
    """The first `settings.count` experts with at least `epochs` epochs each. Missing ones are trained.

    If another run is training experts of the buffer, this one waits and then uses those experts. A stored expert with
    too few epochs is trained again from its beginning. Its first rows are the same as before, because an expert's draws
    depend only on its number and seed.

    Raises:
        DataError: a damaged file, or a full disk.
        NumericalError: an expert diverged; it is not stored.
    """
    trained = 0
    if _missing(buffer, settings, epochs):
        with buffer.training(meter):  # another run may have trained all experts meanwhile
            if missing := _missing(buffer, settings, epochs):
                _train(missing, buffer, task, settings, epochs, meter)
            trained = len(missing)
    return Trajectories(buffer, settings.count, task.device, trained)


def _missing(buffer: Buffer, settings: ExpertSettings, epochs: int) -> list[int]:
    return [i for i in range(settings.count) if buffer.rows(i) < epochs + 1]


def _train(missing: list[int], buffer: Buffer, task: Task, settings: ExpertSettings, epochs: int, meter: Meter) -> None:
    """Train these experts into the buffer."""
    total, before = ((epochs + 1) * number for number in (settings.count, settings.count - len(missing)))
    meter.start(f"training {settings.name} experts, epochs", total, before)
    done = Epochs(meter, total, before)
    watch = Watch(lambda unit, finished: done.reach(unit.numbers, finished), meter.say)
    with closing(train_all(task, settings, epochs, missing, watch)) as trained:
        for expert, snapshots, losses in trained:
            _refuse_lost_numbers(expert, snapshots)
            held_out = task.real.validation
            validation = accuracy(task.net, snapshots[-1].to(task.device), held_out.images, held_out.labels)
            facts = {"loss": float(losses[-1]), "validation_accuracy": validation}
            buffer.write(expert, snapshots, settings.dtype, facts)
            done.show({"loss": facts["loss"], "validation": validation})
    meter.finish()


def _refuse_lost_numbers(expert: int, snapshots: Tensor) -> None:
    for epoch, theta in enumerate(snapshots):
        if not bool(theta.isfinite().all()):
            raise NumericalError(
                f"expert {expert}: its parameters are no longer finite after epoch {epoch}; lower experts.lr"
            )
