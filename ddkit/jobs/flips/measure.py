"""What flips do to labels, measured: small networks trained on the real data with and without them."""

import dataclasses
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import NormalDist, fmean

import torch
from torch.nn.functional import interpolate

from ddkit.data import DSA, Part, RealData
from ddkit.errors import DataError
from ddkit.evaluation import Pool, Trained, Training, interval95, train_networks
from ddkit.home import home
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.nets import FlatNet, fitting_convnet
from ddkit.randomness import stream
from ddkit.run import AGAIN, Meter, SilentMeter, read_json, write_json

NETS, STEPS, BATCH, LR = 5, 400, 64, 0.03
"""Networks of each kind, their steps, batch and learning rate."""

SIDE = 32
"""Larger images are reduced to this height and width: which way an object looks is seen in small, too."""

HARM, CLASS_HARM = 0.01, 0.25
"""Accuracy, as a fraction, that flips may cost where the labels stay: of all images, and of one class's."""

FORMAT = 2
"""Of the answers that are kept; those of another format are measured anew."""


@dataclass(frozen=True)
class Pairs:
    """Accuracies on the same images of networks trained without and with flips, pair by pair from one start."""

    without: tuple[float, ...]
    with_flips: tuple[float, ...]
    images: int

    @property
    def loss(self) -> float:
        """What flips cost on average."""
        return fmean(self.without) - fmean(self.with_flips)

    @property
    def percent(self) -> str:
        """Both means in words."""
        return f"{100 * fmean(self.without):.1f} % without flips, {100 * fmean(self.with_flips):.1f} % with them"

    @property
    def interval(self) -> float:
        """Half the width of the loss's 95 % interval over networks."""
        return interval95([a - b for a, b in zip(self.without, self.with_flips, strict=True)])

    def chance(self, tried: int) -> float:
        """The loss that the worst of `tried` classes exceeds by chance in at most 5 % of all tests, be it that of other
        networks, or of other images (all networks see the same few), each right or wrong, with one of both added."""
        right = [(fmean(found) * self.images + 1) / (self.images + 2) for found in (self.without, self.with_flips)]
        deviation = sqrt(sum(p * (1 - p) for p in right) / self.images)
        return max(self.interval, NormalDist().inv_cdf(1 - 0.05 / tried) * deviation)


@dataclass(frozen=True)
class FlipTest:
    """What was measured on the validation part: of all images, and of the class that most surely suffers."""

    overall: Pairs
    worst: Pairs
    worst_class: str
    classes: int

    @property
    def harmful(self) -> bool:
        """Whether flips cost more than they may and more than chance explains."""
        overall, worst = self.overall, self.worst
        return overall.loss > max(HARM, overall.interval) or worst.loss > max(CLASS_HARM, worst.chance(self.classes))

    @property
    def undecided(self) -> bool:
        """Whether harm could hide: the networks learned little, or differ by more than what counts, or a class lost
        much on images too few to prove it."""
        learned = fmean(self.overall.without) > 1 / self.classes + 0.2 * (1 - 1 / self.classes)
        vague = self.overall.interval > 3 * HARM or self.worst.loss > CLASS_HARM
        return not self.harmful and (not learned or vague)

    def __str__(self) -> str:
        told = f"a small ConvNet has on validation {self.overall.percent}"
        of_class = f" (class '{self.worst_class}', {self.worst.images} images: {self.worst.percent})"
        return told + of_class * (self.worst.loss > CLASS_HARM)


def flip_test(real: RealData, meter: Meter | None = None) -> FlipTest:
    """Train both kinds of networks and judge them on the validation part as it is; the answer is kept in home()."""
    kept = home() / "flips" / f"{real.digest[:16]}-{STEPS}-{FORMAT}.json"
    if kept.exists():
        return _read(kept)
    meter = meter or SilentMeter()
    train, validation = _reduced(real.train), _reduced(real.validation)
    parts = _classes(validation, real.data.classes)
    shape = (real.data.shape[0], train.images.shape[-2], train.images.shape[-1])
    net = FlatNet(fitting_convnet(shape, width=16), shape, real.data.class_count)
    meter.start("measuring what flips do to labels, steps", 2 * STEPS)
    with fitting_threads(net.shape):
        plain = _trained(net, train, "", meter, 0)
        mirrored = _trained(net, train, "flip", meter, STEPS)
        meter.finish()
        overall, *by_class = [
            Pairs(tuple(plain.accuracy(part)), tuple(mirrored.accuracy(part)), len(part))
            for part in (validation, *parts.values())
        ]
    surest = [own.loss - max(CLASS_HARM, own.chance(len(parts))) for own in by_class]
    worst = surest.index(max(surest))
    found = FlipTest(overall, by_class[worst], list(parts)[worst], len(parts))
    write_json(kept, dataclasses.asdict(found))
    return found


def _read(file: Path) -> FlipTest:
    found: FlipTest = read_json(file, FlipTest)
    for own in (found.overall, found.worst):
        right = (*own.without, *own.with_flips)
        if not (len(own.without) == len(own.with_flips) == NETS and all(0 <= r <= 1 for r in right)):
            raise DataError(f"file '{file}': holds no accuracies of {NETS} pairs of networks; {AGAIN}")
        if own.images < 1 or found.classes < 1:
            raise DataError(f"file '{file}': holds accuracies on no images; {AGAIN}")
    return found


def _reduced(part: Part) -> Part:
    """Images of at most SIDE x SIDE pixels, each the mean of those it stands for."""
    height, width = part.images.shape[-2:]
    size = (min(height, SIDE), min(width, SIDE))
    return part if size == (height, width) else Part(interpolate(part.images, size=size, mode="area"), part.labels)


def _trained(net: FlatNet, train: Part, strategy: str, meter: Meter, before: int) -> Trained:
    """NETS networks, after `before` steps of others; both kinds begin alike."""
    members, lr = torch.arange(len(train)).expand(NETS, -1), torch.full((NETS,), LR)
    training = Training(steps=STEPS, batch=BATCH, drop_at=STEPS // 2)
    pool, watch = Pool(train.images, train.labels, members), lambda done, _: meter.advance(before + done)
    return train_networks(net, pool, lr, training, DSA(strategy), stream(0, "flips"), watch=watch)


def _classes(part: Part, names: tuple[str, ...]) -> dict[str, Part]:
    """The images of each class that has any."""
    mine = {name: part.labels == c for c, name in enumerate(names)}
    return {name: Part(part.images[own], part.labels[own]) for name, own in mine.items() if own.any()}
