"""Train one graph network on samples, and judge it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn.functional import cross_entropy

from ddkit.errors import RecipeError
from ddkit.evaluation.graph_samples import GraphSamples
from ddkit.gnns import CONVOLUTIONS, GNN
from ddkit.recipe import nearest, setting


@dataclass(frozen=True, kw_only=True)
class GraphTraining:
    """How every network of a table is trained: Adam on all samples at once, the rate falling to nothing as a cosine.

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


def train_gnn(net: GNN, samples: GraphSamples, steps: int, training: GraphTraining) -> None:
    """Train the network in place for a fixed number of steps; the loss is the samples' mean by weight."""
    optimiser = torch.optim.AdamW(net.parameters(), lr=training.lr, weight_decay=training.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        losses = cross_entropy(net(samples.layers, samples.readout), samples.y, reduction="none")
        (losses * samples.weight).sum().backward()
        optimiser.step()
        schedule.step()


@torch.no_grad()
def judge_gnn(net: GNN, samples: GraphSamples) -> Verdict:
    """ROC-AUC (of several classes: the mean over one against the rest, of those that occur) and accuracy."""
    logits = net(samples.layers, samples.readout)
    return verdict(logits.softmax(1).numpy(), samples.y.numpy())


def verdict(probability: np.ndarray, y: np.ndarray) -> Verdict:
    """Of class probabilities [S, K] for classes [S]."""
    accuracy = float((probability.argmax(1) == y).mean())
    if probability.shape[1] == 2:
        return Verdict(float(roc_auc_score(y, probability[:, 1])), accuracy)
    here = [c for c in range(probability.shape[1]) if 0 < (y == c).sum() < len(y)]
    return Verdict(float(np.mean([roc_auc_score(y == c, probability[:, c]) for c in here])), accuracy)
