"""What flips do to labels, measured: small networks trained on the real data with and without them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from ddkit.data import DSA, Part, RealData
from ddkit.evaluation import Trained, Training, interval95, train_networks
from ddkit.home import home
from ddkit.jobs.table_file import read_table, write_table
from ddkit.jobs.threads import fitting_threads
from ddkit.nets import FlatNet, fitting_convnet
from ddkit.randomness import stream
from ddkit.run import Meter, SilentMeter

NETS, STEPS, BATCH, LR = 5, 400, 64, 0.03
"""Networks of each kind, their steps, batch and learning rate."""

HARM, CLASS_HARM = 0.01, 0.25
"""Accuracy, as a fraction, that flips may cost where the labels stay: of all images, and of one class's."""


@dataclass(frozen=True)
class FlipTest:
    """Validation accuracies of networks trained without and with flips, pair by pair from one initialisation; of all
    images, and of the class that suffers most."""

    without: tuple[float, ...]
    with_flips: tuple[float, ...]
    worst_class: str
    worst_without: tuple[float, ...]
    worst_with: tuple[float, ...]
    chance: float

    @property
    def harmful(self) -> bool:
        """Whether flips cost more than they may and more than chance explains."""
        loss, interval = _difference(self.without, self.with_flips)
        of_class, of_class_interval = _difference(self.worst_without, self.worst_with)
        return loss > max(HARM, interval) or of_class > max(CLASS_HARM, of_class_interval)

    @property
    def undecided(self) -> bool:
        """Whether harm could hide: the networks learned little, or differ by more than what counts."""
        learned = fmean(self.without) > self.chance + 0.2 * (1 - self.chance)
        return not self.harmful and (not learned or _difference(self.without, self.with_flips)[1] > 3 * HARM)

    def __str__(self) -> str:
        kept, lost = 100 * fmean(self.without), 100 * fmean(self.with_flips)
        told = f"a small ConvNet has {kept:.1f} % on validation without flips and {lost:.1f} % with them"
        if _difference(self.worst_without, self.worst_with)[0] > CLASS_HARM:
            kept, lost = 100 * fmean(self.worst_without), 100 * fmean(self.worst_with)
            told += f" (class '{self.worst_class}': {kept:.1f} and {lost:.1f} %)"
        return told


def _difference(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, float]:
    """Mean difference of pairs, and half the width of its 95 % interval."""
    pairs = [a - b for a, b in zip(one, other, strict=True)]
    return fmean(pairs), interval95(pairs)


def flip_test(real: RealData, meter: Meter | None = None) -> FlipTest:
    """Train both kinds of networks and judge them on the validation part as it is; the answer is kept in home()."""
    kept = home() / "flips" / f"{real.digest[:16]}-{STEPS}.json"
    if kept.exists():
        return _read(kept)
    meter = meter or SilentMeter()
    net = FlatNet(fitting_convnet(real.data.shape, width=16), real.data.shape, real.data.class_count)
    meter.start("measuring what flips do to labels, steps", 2 * STEPS)
    with fitting_threads(net.shape):
        plain = _trained(net, real, "", meter, 0)
        mirrored = _trained(net, real, "flip", meter, STEPS)
        without, with_flips = plain.accuracy(real.validation), mirrored.accuracy(real.validation)
        meter.finish()
        by_class = [(plain.accuracy(own), mirrored.accuracy(own)) for own in _classes(real)]
    losses = [fmean(a) - fmean(b) for a, b in by_class]
    worst = losses.index(max(losses))
    found = FlipTest(
        without=tuple(without),
        with_flips=tuple(with_flips),
        worst_class=real.data.classes[worst],
        worst_without=tuple(by_class[worst][0]),
        worst_with=tuple(by_class[worst][1]),
        chance=1 / real.data.class_count,
    )
    write_table(kept, dataclasses.asdict(found))
    return found


def _read(file: Path) -> FlipTest:
    table = read_table(file)
    for key in ("without", "with_flips", "worst_without", "worst_with"):
        table[key] = tuple(table[key])
    return FlipTest(**table)


def _trained(net: FlatNet, real: RealData, strategy: str, meter: Meter, before: int) -> Trained:
    """NETS networks, after `before` steps of others; both kinds begin alike."""
    train = real.train
    members, lr = torch.arange(len(train)).expand(NETS, -1), torch.full((NETS,), LR)
    training = Training(steps=STEPS, batch=BATCH, drop_at=STEPS // 2)
    return train_networks(
        *(net, train.images, train.labels, members, lr, training, DSA(strategy), stream(0, "flips")),
        watch=lambda done, _: meter.advance(before + done),
    )


def _classes(real: RealData) -> list[Part]:
    """The validation images of each class."""
    images, labels = real.validation.images, real.validation.labels
    return [Part(images[labels == c], labels[labels == c]) for c in range(real.data.class_count)]
