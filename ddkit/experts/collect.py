"""Bring a buffer to the size a recipe needs: train what is missing, keep what is there."""

from contextlib import closing

from torch import Tensor

from ddkit.data import DSA, RealData
from ddkit.errors import NumericalError
from ddkit.experts.buffer import Buffer
from ddkit.experts.factory import grow
from ddkit.experts.settings import ExpertSettings
from ddkit.experts.trajectories import Trajectories
from ddkit.nets import FlatNet, accuracy
from ddkit.run import Meter


def collect(
    buffer: Buffer, real: RealData, net: FlatNet, settings: ExpertSettings, dsa: DSA, epochs: int, meter: Meter
) -> Trajectories:
    """The first `settings.count` experts with at least `epochs` epochs each.

    Work that was interrupted goes on at the experts that are missing. An expert that is there but too short is trained
    anew to the longer length; its old rows come out the same, since an expert's draws depend on its number and seed
    alone.

    Raises:
        DataError: a damaged file, named, with what to do; or a disk that is full.
        NumericalError: an expert diverged; it is not stored.
    """
    missing = [i for i in range(settings.count) if buffer.rows(i) < epochs + 1]
    before = settings.count - len(missing)
    if missing:
        meter.start(f"training {settings.name} experts", settings.count, before)
    with closing(grow(net, real.train, settings, dsa, epochs, missing)) as grown:
        for done, (expert, snapshots, losses) in enumerate(grown, start=before + 1):
            _refuse_lost_numbers(expert, snapshots)
            last = snapshots[-1].to(real.validation.images.device)
            validation = accuracy(net, last, real.validation.images, real.validation.labels)
            facts = {"loss": float(losses[-1]), "validation_accuracy": validation}
            buffer.write(expert, snapshots, settings.dtype, facts)
            meter.advance(done, {"loss": facts["loss"], "validation": validation})
    if missing:
        meter.finish()
    return Trajectories(buffer, settings.count, real.train.images.device, len(missing))


def _refuse_lost_numbers(expert: int, snapshots: Tensor) -> None:
    for epoch, theta in enumerate(snapshots):
        if not bool(theta.isfinite().all()):
            raise NumericalError(
                f"expert {expert}: its parameters are no longer finite after epoch {epoch}; lower experts.lr"
            )
