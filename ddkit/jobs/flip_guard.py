"""Whether images may be mirrored: refused where a mirrored image no longer has its label.

A dataset says so itself, or the recipe says it (`data.flips_keep_label`, which wins). Where neither does, or where the
recipe contradicts the dataset, a small network is trained on the real data with and without flips, and what that does
to its accuracy on the validation part is told, and decides if nobody else does.
"""

import math
from dataclasses import dataclass
from statistics import fmean, stdev

import torch
from scipy.stats import t as student_t

from ddkit.data import DSA, RealData
from ddkit.errors import UsageError
from ddkit.evaluation import Training, train_networks
from ddkit.jobs.bench import Bench
from ddkit.jobs.threads import fitting_threads
from ddkit.nets import FlatNet, fitting_convnet
from ddkit.randomness import stream
from ddkit.recipe import DataSettings, Recipe
from ddkit.run import Meter

NETS, STEPS, BATCH, LR = 5, 400, 64, 0.03
"""Networks of each kind, their steps, batch and learning rate."""

HARM = 0.01
"""Points of accuracy, as a fraction, that flips may cost where the labels stay."""


@dataclass(frozen=True)
class FlipTest:
    """Validation accuracies of networks trained without and with flips, pair by pair from one initialisation."""

    without: tuple[float, ...]
    with_flips: tuple[float, ...]

    @property
    def loss(self) -> float:
        """What flips cost, on average."""
        return fmean(self.without) - fmean(self.with_flips)

    @property
    def interval(self) -> float:
        """Half the width of its 95 % interval over the pairs (Student's t)."""
        differences = [a - b for a, b in zip(self.without, self.with_flips, strict=True)]
        return float(student_t.ppf(0.975, len(differences) - 1)) * stdev(differences) / math.sqrt(len(differences))

    @property
    def harmful(self) -> bool:
        """Whether flips cost more than HARM and more than chance explains."""
        return self.loss > max(HARM, self.interval)

    def __str__(self) -> str:
        kept, lost = 100 * fmean(self.without), 100 * fmean(self.with_flips)
        return f"a small ConvNet has {kept:.1f} % on validation without flips and {lost:.1f} % with them"


def guard_flips(recipe: Recipe, bench: Bench, meter: Meter) -> None:
    """Let a recipe's flips pass, or not.

    Raises:
        UsageError: images would be mirrored whose label a mirror changes.
    """
    asked = _who_flips(recipe, bench.dsa)
    if asked is not None:
        refuse_harmful_flips(*asked, recipe.data, bench.real, meter)


def refuse_harmful_flips(key: str, fix: str, settings: DataSettings, real: RealData, meter: Meter) -> None:
    """Raise UsageError if a mirrored image does not keep its label; `key` wants flips, `fix` is how to do without."""
    keep, fact = settings.flips_keep_label, real.data.flips_keep_label
    if keep is None and fact is not None:
        keep, why = fact, f"a mirrored image of '{real.data.name}' no longer has its label"
    elif keep is False:
        why = "data.flips_keep_label is false"
    elif keep and fact:
        return
    else:
        found = flip_test(real)
        meter.say(f"flips on '{real.data.name}': {found}")
        why = f"{found}, so that a mirrored image does not seem to keep its label"
        keep = not found.harmful if keep is None else keep
    if not keep:
        raise UsageError(
            f"key '{key}': mirrors images, but {why}; {fix}, or say --set data.flips_keep_label=true if you know better"
        )


def _who_flips(recipe: Recipe, dsa: DSA) -> tuple[str, str] | None:
    """The key that has images mirrored, and what to write instead."""
    if recipe.method.expects_flips:
        return "method.fyi", "leave --fyi out"
    if dsa.flips:
        return "data.augment", f"use --set data.augment={dsa.without_flip()}"
    if recipe.evaluate.flips == "always":
        return "evaluate.flips", "use --set evaluate.flips=augment"
    return None


def flip_test(real: RealData) -> FlipTest:
    """Train networks with and without flips, and judge them on the validation part as it is."""
    net = FlatNet(fitting_convnet(real.data.shape, width=16), real.data.shape, real.data.class_count)
    train = real.train
    members, lr = torch.arange(len(train)).expand(NETS, -1), torch.full((NETS,), LR)
    training = Training(steps=STEPS, batch=BATCH, drop_at=STEPS // 2)
    with fitting_threads(net.shape):
        accuracies = [
            train_networks(
                net, train.images, train.labels, members, lr, training, DSA(strategy), stream(0, "flips")
            ).accuracy(real.validation)
            for strategy in ("", "flip")
        ]
    return FlipTest(tuple(accuracies[0]), tuple(accuracies[1]))
