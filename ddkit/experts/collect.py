"""Bring a buffer to the size a recipe needs: train what is missing, keep what is there."""

import torch

from ddkit.data import DSA, RealData
from ddkit.errors import NumericalError
from ddkit.experts.buffer import Buffer
from ddkit.experts.settings import ExpertSettings
from ddkit.experts.train import train_expert
from ddkit.experts.trajectories import Trajectories
from ddkit.nets import FlatNet, accuracy
from ddkit.randomness import stream
from ddkit.run import Meter


def collect(
    buffer: Buffer, real: RealData, net: FlatNet, settings: ExpertSettings, dsa: DSA, epochs: int, meter: Meter
) -> Trajectories:
    """The first `settings.count` experts with at least `epochs` epochs each.

    Work that was interrupted goes on at the next expert. An expert that is there but too short is trained anew to the
    longer length; its old rows come out the same, since an expert's draws depend on its number and seed alone.

    Raises:
        DataError: a damaged file, named, with what to do; or a disk that is full.
        NumericalError: an expert diverged; it is not stored.
    """
    missing = [i for i in range(settings.count) if buffer.rows(i) < epochs + 1]
    if missing:
        meter.start(f"training {settings.name} experts", settings.count, settings.count - len(missing))
    for done, expert in enumerate(missing, start=settings.count - len(missing) + 1):
        generator = stream(settings.seed, "expert", expert)
        snapshots, losses = zip(*train_expert(net, real.train, settings, dsa, epochs, generator), strict=True)
        _refuse_lost_numbers(expert, snapshots)
        validation = accuracy(net, snapshots[-1], real.validation.images, real.validation.labels)
        facts = {"loss": losses[-1], "validation_accuracy": validation}
        buffer.write(expert, torch.stack(snapshots), settings.dtype, facts)
        meter.advance(done, {"loss": losses[-1], "validation": validation})
    if missing:
        meter.finish()
    return Trajectories(buffer, settings.count, real.train.images.device)


def _refuse_lost_numbers(expert: int, snapshots: tuple[torch.Tensor, ...]) -> None:
    for epoch, theta in enumerate(snapshots):
        if not bool(theta.isfinite().all()):
            raise NumericalError(
                f"expert {expert}: its parameters are no longer finite after epoch {epoch}; lower experts.lr"
            )
