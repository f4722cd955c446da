"""Protocol `honest`: every set in the table is trained on in the same way, and no setting is chosen on the test set.

For each set, networks are trained at every learning rate of a fixed grid; the rate with the best mean accuracy on the
validation split of the real training data is kept, and only its networks meet the test set, once, after their last
step. Rivals: random-real (a fresh draw for each network), herding and k-means sets of the same ipc, and the whole real
training set.
"""

import time
from collections.abc import Iterator
from statistics import fmean

import torch
from torch import Tensor

from ddkit.data import DSA, RealData, select
from ddkit.evaluation.score import Evaluation, Score
from ddkit.evaluation.trainer import Training, train_networks
from ddkit.nets import FlatNet
from ddkit.randomness import stream
from ddkit.recipe import EvaluateSettings
from ddkit.run import Meter
from ddkit.synth import SyntheticSet

LR_GRID = (0.003, 0.01, 0.03, 0.1)


def evaluate_honestly(
    synthetic: SyntheticSet,
    real: RealData,
    net: FlatNet,
    settings: EvaluateSettings,
    dsa: DSA,
    seed: int,
    meter: Meter,
    baselines: bool = True,
) -> Evaluation:
    """Score a set and its rivals.

    Every network takes the larger of `settings.steps` steps and `settings.epochs` epochs, with batches of at most
    `settings.batch`; the learning rate falls to a tenth half-way. `real` must be on the device to use.

    Raises:
        UsageError: a rival cannot be drawn (a class has fewer images than ipc).
    """
    rows = list(_rows(synthetic, real, settings.nets, seed, baselines, settings.whole))
    meter.start("evaluating", len(rows))
    scores = []
    for done, (name, images, labels, members) in enumerate(rows, start=1):
        begin = time.perf_counter()
        size = members.shape[1]
        steps = max(settings.steps, -(-settings.epochs * size // settings.batch))
        training = Training(steps=steps, batch=settings.batch, drop_at=steps // 2)
        n, generator = settings.nets, stream(seed, "evaluate", name)
        lr = torch.tensor(LR_GRID).repeat_interleave(n)
        trained = train_networks(net, images, labels, members.repeat(len(LR_GRID), 1), lr, training, dsa, generator)
        validation = trained.accuracy(real.validation)
        groups = [slice(i * n, (i + 1) * n) for i in range(len(LR_GRID))]
        best = max(range(len(LR_GRID)), key=lambda i: fmean(validation[groups[i]]))
        chosen = trained.only(groups[best])
        accuracies = tuple(chosen.accuracy(real.test))
        seconds = time.perf_counter() - begin
        scores.append(Score(name=name, images=size, accuracies=accuracies, lr=LR_GRID[best], seconds=seconds))
        meter.advance(done, {name: scores[-1].mean})
    meter.finish()
    notes = (
        f"accuracy on {len(real.test.labels)} held-out test images after the last step; mean and 95 % interval over "
        f"{settings.nets} networks",
        f"learning rate of each row chosen from {list(LR_GRID)} on {len(real.validation.labels)} validation images",
    )
    return Evaluation(
        protocol="honest", dataset=real.data.name, net=net.spec, seed=seed, scores=tuple(scores), notes=notes
    )


def _rows(
    synthetic: SyntheticSet, real: RealData, nets: int, seed: int, baselines: bool, whole: bool
) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
    """(name, image pool, labels, members [nets, m]) of each row."""
    train, ipc = real.train, synthetic.facts.ipc
    device = train.images.device
    own = synthetic.labels if synthetic.soft_labels is None else synthetic.soft_labels
    everything = torch.arange(len(own)).expand(nets, -1)
    yield synthetic.facts.method, synthetic.images.to(device), own.to(device), everything
    if baselines:
        pixels = train.images.flatten(1)
        for name in ("random", "herding", "kmeans"):
            # Herding has no draw: its one set serves every network.
            draws = range(1 if name == "herding" else nets)
            sets = [select(name, pixels, train.labels, ipc, stream(seed, "rival", name, i)) for i in draws]
            members = torch.stack(sets).expand(nets, -1)
            yield "random-real" if name == "random" else name, train.images, train.labels, members
    if whole:
        yield "whole", train.images, train.labels, torch.arange(len(train.labels)).expand(nets, -1)
