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
from ddkit.gnns import CONVOLUTIONS, GNN, Stack
from ddkit.recipe import Settings, setting


@dataclass(frozen=True, kw_only=True)
class GraphTraining(Settings):
    """How every network of a table is trained: AdamW on all samples at once, the rate falling to nothing as a cosine.

    All of it is fixed beforehand and the same for every row, so nothing is chosen on any held-out graph.
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
    """Of one network on one part of the data."""

    auc: float
    accuracy: float
    balanced: float
    """Accuracy, as the mean over the classes that occur."""


AT_ONCE = 8_000
"""Rows of states in the networks that are trained in one pass: fewer do not fill a core, more fall out of its cache."""


def train_gnns(nets: Sequence[GNN], samples: Sequence[GraphSamples], steps: int, training: GraphTraining) -> None:
    """Train networks of one kind in place for a fixed number of steps, network i on samples[i], whose loss is their
    mean by weight. Networks are trained together, each as it would be alone."""
    together = max(1, AT_ONCE // max(one.states for one in samples))
    for begin in range(0, len(nets), together):
        _train(nets[begin : begin + together], samples[begin : begin + together], steps, training)


def _train(nets: Sequence[GNN], samples: Sequence[GraphSamples], steps: int, training: GraphTraining) -> None:
    stack = Stack(nets, [one.layers for one in samples], [one.readout for one in samples])
    target, most = [], max(map(len, samples))
    for one in samples:  # [most, classes]: what a sample's label is, times its weight; 0 where there is no sample
        label = one.y if one.y.dim() > 1 else one_hot(one.y, nets[0].head.out_features)
        target.append(pad(label * one.weight[:, None], (0, 0, 0, most - len(one))))
    wanted = torch.stack(target)
    optimiser = torch.optim.AdamW([stack.theta], lr=training.lr, weight_decay=training.weight_decay, fused=True)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = training.lr * (1 + cos(pi * step / steps)) / 2
        optimiser.zero_grad()
        (-(stack.logits().log_softmax(2) * wanted).sum()).backward()
        optimiser.step()
    stack.write_back()


@torch.no_grad()
def judge_gnn(net: GNN, samples: GraphSamples) -> Verdict:
    """ROC-AUC (of several classes: the mean over one against the rest, of those that occur), accuracy, balanced."""
    logits = net(samples.layers, samples.readout)
    return verdict(logits.softmax(1).numpy(), samples.y.numpy())


def verdict(probability: np.ndarray, y: np.ndarray) -> Verdict:
    """Of class probabilities [S, K] for classes [S]."""
    from sklearn.metrics import roc_auc_score  # slow to import

    said = probability.argmax(1)
    accuracy = float((said == y).mean()), balanced_accuracy(torch.from_numpy(said), torch.from_numpy(y))
    if probability.shape[1] == 2:
        return Verdict(float(roc_auc_score(y, probability[:, 1])), *accuracy)
    here = [c for c in range(probability.shape[1]) if 0 < (y == c).sum() < len(y)]
    return Verdict(float(np.mean([roc_auc_score(y == c, probability[:, c]) for c in here])), *accuracy)
