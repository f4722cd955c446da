"""Protocol `paper`: what MTT's authors did, the selection on the test set included (and said in the output).

Each snapshot of the run trains `nets` fresh networks for `epochs` + 1 epochs by SGD with the learned lr, momentum 0.9,
weight decay 5e-4, batch 256, DSA; at epoch // 2 + 1 the lr falls to a tenth and the momentum starts anew. The snapshot
with the best mean test accuracy is reported, with the population's standard deviation. Scores under this protocol
are higher than what a user of the set will see; it exists to be held beside published tables.
"""

import time
from collections.abc import Mapping

import torch

from ddkit.data import DSA, RealData, select
from ddkit.errors import UsageError
from ddkit.evaluation.score import Evaluation, Score
from ddkit.evaluation.trainer import Training, train_networks
from ddkit.nets import FlatNet
from ddkit.randomness import stream
from ddkit.run import Meter
from ddkit.synth import SyntheticSet

BATCH = 256
DEFAULT_LR = 0.01
"""What the published code trains sets with that have no learned lr, random-real among them."""


def evaluate_as_paper(
    snapshots: Mapping[str, SyntheticSet],
    real: RealData,
    net: FlatNet,
    dsa: DSA,
    seed: int,
    meter: Meter,
    nets: int = 5,
    epochs: int = 1000,
) -> Evaluation:
    """Score the best of `snapshots` (name -> set) on the test set, beside random-real trained in the same way.

    Raises:
        UsageError: there is no snapshot.
    """
    if not snapshots:
        raise UsageError("protocol 'paper': there is no set to score")
    last = list(snapshots.values())[-1]
    meter.start("evaluating (paper)", len(snapshots) + 1)
    candidates = []
    for done, (name, synthetic) in enumerate(snapshots.items(), start=1):
        labels = synthetic.labels if synthetic.soft_labels is None else synthetic.soft_labels
        members = torch.arange(len(labels)).expand(nets, -1)
        lr = synthetic.facts.lr or DEFAULT_LR
        title = f"{synthetic.facts.method} ({name})"
        candidates.append(_score(title, synthetic.images, labels, members, lr, real, net, dsa, seed, epochs))
        meter.advance(done, {name: candidates[-1].mean})
    train = real.train
    pixels = train.images.flatten(1)
    draws = [select("random", pixels, train.labels, last.facts.ipc, stream(seed, "rival", i)) for i in range(nets)]
    rival = _score(
        "random-real", train.images, train.labels, torch.stack(draws), DEFAULT_LR, real, net, dsa, seed, epochs
    )
    meter.finish()
    best = max(candidates, key=lambda score: score.mean)
    spread = float(torch.tensor(best.accuracies).std(correction=0))
    notes = (
        f"SELECTED ON THE TEST SET: the best of {len(snapshots)} snapshots, as the authors report; not an honest score",
        f"last snapshot: {100 * candidates[-1].mean:.1f} %; "
        f"population standard deviation of the best, over {nets} networks on one set: {100 * spread:.1f}",
        "the learned lr trains the set, 0.01 random-real; FTD's second training of one network is not repeated",
    )
    scores = (best, rival)
    return Evaluation(protocol="paper", dataset=real.data.name, net=net.spec, seed=seed, scores=scores, notes=notes)


def _score(
    name: str,
    images: torch.Tensor,
    labels: torch.Tensor,
    members: torch.Tensor,
    lr: float,
    real: RealData,
    net: FlatNet,
    dsa: DSA,
    seed: int,
    epochs: int,
) -> Score:
    begin = time.perf_counter()
    device, (nets, size) = real.train.images.device, members.shape
    steps_an_epoch = -(-size // BATCH)
    training = Training(
        steps=(epochs + 1) * steps_an_epoch, batch=BATCH, drop_at=(epochs // 2 + 1) * steps_an_epoch, drop_resets=True
    )
    trained = train_networks(
        net, images.to(device), labels.to(device), members, torch.full((nets,), lr), training, dsa,
        stream(seed, "paper", name),
    )  # fmt: skip
    accuracies = tuple(trained.accuracy(real.test))
    return Score(name=name, images=size, accuracies=accuracies, lr=lr, seconds=time.perf_counter() - begin)
