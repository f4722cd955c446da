"""Train graph networks on samples, and judge them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import one_hot, pad

from ddkit.errors import RecipeError, nearest
from ddkit.evaluation.graph_samples import GraphSamples
from ddkit.evaluation.majority import balanced_accuracy
from ddkit.evaluation.row_work import StepWatch
from ddkit.gnns import CONVOLUTIONS, GNN, Stack
from ddkit.recipe import Settings, setting


@dataclass(frozen=True, kw_only=True)
class GraphTraining(Settings):
    """The training of all networks of a table: AdamW on all samples at once, with a rate that falls to 0 as a cosine.

    All settings are fixed before the training and equal for all rows, so nothing is chosen on held-out graphs.
    """

    gnns: str = setting("gin,gat,gcn", help="networks, joined by commas: gcn, gat, gin, sage")
    nets: int = setting(5, at_least=2, help="networks trained on each set")
    steps: int = setting(600, at_least=1, help="steps")
    lr: float = setting(0.01, above=0, help="learning rate at the beginning")
    weight_decay: float = setting(1e-4, at_least=0, help="weight decay, decoupled")
    width: int = setting(32, at_least=4, help="size of all states; a multiple of four")
    whole: bool = setting(True, help="also train on all training graphs")
    whole_steps: int = setting(800, at_least=1, help="steps on all training graphs")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % 4:
            raise RecipeError(f"key 'evaluate.width': must be a multiple of 4, the heads of gat, got {self.width}")
        for name in self.networks:
            if name not in CONVOLUTIONS:
                raise RecipeError(f"key 'evaluate.gnns': '{name}' is unknown; {nearest(name, CONVOLUTIONS)}")

    @property
    def networks(self) -> list[str]:
        """The networks' names."""
        return [name.strip() for name in self.gnns.split(",")]


class Verdict(NamedTuple):
    """The metrics of one network on one part of the data; `balanced` is the mean accuracy of classes that occur."""

    auc: float
    accuracy: float
    balanced: float


AT_ONCE = 8_000
"""States of all networks in one pass of training. Fewer do not use a core fully; more do not fit into its cache."""


def train_gnns(
    nets: Sequence[GNN],
    samples: Sequence[GraphSamples],
    steps: int,
    training: GraphTraining,
    watch: StepWatch = lambda steps: None,
) -> None:
    """Train networks of one kind in place for a fixed number of steps, network i on samples[i].

    The loss is the weighted mean over samples. Several networks are trained in one pass, with the same result as alone.
    `watch` is called with the number of finished steps of all networks.
    """
    together = max(1, AT_ONCE // max(one.states for one in samples))
    for begin in range(0, len(nets), together):
        own = nets[begin : begin + together]

        def count(done: int, before: int = begin * steps, each: int = len(own)) -> None:
            watch(before + each * done)

        _train(own, samples[begin : begin + together], steps, training, count)


def _train(
    nets: Sequence[GNN], samples: Sequence[GraphSamples], steps: int, training: GraphTraining, watch: StepWatch
) -> None:
    stack = Stack(nets, [one.layers for one in samples], [one.readout for one in samples])
    target, most = [], max(map(len, samples))
    for one in samples:  # [most, classes]: a sample's label times its weight; 0 in the padding
        label = one.y if one.y.dim() > 1 else one_hot(one.y, nets[0].head.out_features)
        target.append(pad(label * one.weight[:, None], (0, 0, 0, most - len(one))))
    targets = torch.stack(target)
    optimiser = torch.optim.AdamW([stack.theta], lr=training.lr, weight_decay=training.weight_decay, fused=True)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = training.lr * (1 + cos(pi * step / steps)) / 2
        optimiser.zero_grad()
        (-(stack.logits().log_softmax(2) * targets).sum()).backward()
        optimiser.step()
        watch(step + 1)
    stack.write_back()


@torch.no_grad()
def judge_gnn(net: GNN, samples: GraphSamples) -> Verdict:
    """The metrics of a network on samples; see `verdict`."""
    logits = net(samples.layers, samples.readout)
    return verdict(logits.softmax(1).numpy(), samples.y.numpy())


def verdict(probability: np.ndarray, y: np.ndarray) -> Verdict:
    """The metrics of predicted class probabilities [S, K] for true classes [S].

    For more than two classes, ROC-AUC is the mean over one-against-rest of the classes that occur.
    """
    from sklearn.metrics import roc_auc_score  # slow to import

    predicted = probability.argmax(1)
    accuracy = float((predicted == y).mean())
    balanced = balanced_accuracy(torch.from_numpy(predicted), torch.from_numpy(y))
    if probability.shape[1] == 2:
        return Verdict(float(roc_auc_score(y, probability[:, 1])), accuracy, balanced)
    present = [c for c in range(probability.shape[1]) if 0 < (y == c).sum() < len(y)]
    auc = float(np.mean([roc_auc_score(y == c, probability[:, c]) for c in present]))
    return Verdict(auc, accuracy, balanced)
