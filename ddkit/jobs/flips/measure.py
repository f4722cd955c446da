"""Measure the effect of flips on accuracy: small networks are trained on the real data with and without flips."""

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
"""Networks with flips, and as many without; their steps, batch size and learning rate."""

SIDE = 32
"""Larger images are reduced to this height and width, at which the orientation of an object is still visible."""

HARM, CLASS_HARM = 0.01, 0.25
"""Losses of accuracy (fractions) that do not count as harm: on all images, and on the images of one class."""

FORMAT = 2
"""Format of stored results. Results of another format are measured again."""


@dataclass(frozen=True)
class Pairs:
    """Accuracies of pairs of networks, trained without and with flips from the same initialisation.

    Attributes:
        without: accuracies of the networks trained without flips.
        with_flips: accuracies of the networks trained with flips.
        images: number of judged images.
    """

    without: tuple[float, ...]
    with_flips: tuple[float, ...]
    images: int

    @property
    def loss(self) -> float:
        """The mean loss of accuracy by flips."""
        return fmean(self.without) - fmean(self.with_flips)

    @property
    def percent(self) -> str:
        """Both mean accuracies in words."""
        return f"{100 * fmean(self.without):.1f} % without flips, {100 * fmean(self.with_flips):.1f} % with them"

    @property
    def interval(self) -> float:
        """Half the width of the loss's 95 % interval over networks."""
        return interval95([a - b for a, b in zip(self.without, self.with_flips, strict=True)])

    def chance(self, classes: int) -> float:
        """The loss that the worst of so many classes exceeds by chance in at most 5 % of all tests.

        It is the larger of two bounds: that of another draw of networks, and that of another draw of images, whose
        accuracies have a binomial distribution (estimated with one right and one wrong image added).
        """
        right = [(fmean(found) * self.images + 1) / (self.images + 2) for found in (self.without, self.with_flips)]
        deviation = sqrt(sum(p * (1 - p) for p in right) / self.images)
        return max(self.interval, NormalDist().inv_cdf(1 - 0.05 / classes) * deviation)


@dataclass(frozen=True)
class FlipTest:
    """The result on the validation part.

    Attributes:
        overall: on all images.
        worst: on the class whose loss exceeds its bound the most.
        worst_class: the name of that class.
        classes: number of classes with images.
    """

    overall: Pairs
    worst: Pairs
    worst_class: str
    classes: int

    @property
    def harmful(self) -> bool:
        """Whether the loss exceeds both the tolerated loss and the loss by chance, overall or on the worst class."""
        overall, worst = self.overall, self.worst
        return overall.loss > max(HARM, overall.interval) or worst.loss > max(CLASS_HARM, worst.chance(self.classes))

    @property
    def undecided(self) -> bool:
        """Whether the test cannot exclude harm: the networks learned little, their accuracies vary much, or a class
        lost much accuracy on too few images."""
        learned = fmean(self.overall.without) > 1 / self.classes + 0.2 * (1 - 1 / self.classes)
        vague = self.overall.interval > 3 * HARM or self.worst.loss > CLASS_HARM
        return not self.harmful and (not learned or vague)

    def __str__(self) -> str:
        overall = f"a small ConvNet has on validation {self.overall.percent}"
        of_class = f" (class '{self.worst_class}', {self.worst.images} images: {self.worst.percent})"
        return overall + of_class * (self.worst.loss > CLASS_HARM)


def flip_test(real: RealData, meter: Meter | None = None) -> FlipTest:
    """Train networks with and without flips, and judge them on the unmirrored validation part.

    The result is stored under home()/flips and read from there the next time.
    """
    kept = home() / "flips" / f"{real.digest[:16]}-{STEPS}-{FORMAT}.json"
    if kept.exists():
        return _read(kept)
    meter = meter or SilentMeter()
    train, validation = _reduced(real.train), _reduced(real.validation)
    parts = _classes(validation, real.data.classes)
    shape = (real.data.shape[0], train.images.shape[-2], train.images.shape[-1])
    net = FlatNet(fitting_convnet(shape, width=16), shape, real.data.class_count)
    meter.start("measuring the effect of flips, steps", 2 * STEPS)
    with fitting_threads(net.shape):
        plain = _trained(net, train, "", meter, 0)
        mirrored = _trained(net, train, "flip", meter, STEPS)
        meter.finish()
        overall, *by_class = [
            Pairs(tuple(plain.accuracy(part)), tuple(mirrored.accuracy(part)), len(part))
            for part in (validation, *parts.values())
        ]
    excess = [own.loss - max(CLASS_HARM, own.chance(len(parts))) for own in by_class]
    worst = excess.index(max(excess))
    found = FlipTest(overall, by_class[worst], list(parts)[worst], len(parts))
    write_json(kept, dataclasses.asdict(found))
    return found


def _read(file: Path) -> FlipTest:
    """A stored result, with its numbers checked."""
    found: FlipTest = read_json(file, FlipTest)
    for own in (found.overall, found.worst):
        right = (*own.without, *own.with_flips)
        if not (len(own.without) == len(own.with_flips) == NETS and all(0 <= r <= 1 for r in right)):
            raise DataError(f"file '{file}': holds no accuracies of {NETS} pairs of networks; {AGAIN}")
        if own.images < 1 or found.classes < 1:
            raise DataError(f"file '{file}': holds accuracies on no images; {AGAIN}")
    return found


def _reduced(part: Part) -> Part:
    """Images of at most SIDE x SIDE pixels. A pixel is the mean of the pixels that it replaces."""
    height, width = part.images.shape[-2:]
    size = (min(height, SIDE), min(width, SIDE))
    return part if size == (height, width) else Part(interpolate(part.images, size=size, mode="area"), part.labels)


def _trained(net: FlatNet, train: Part, strategy: str, meter: Meter, before: int) -> Trained:
    """Train NETS networks. The initialisations do not depend on `strategy`; `before` is an offset of the progress."""
    members, lr = torch.arange(len(train)).expand(NETS, -1), torch.full((NETS,), LR)
    training = Training(steps=STEPS, batch=BATCH, drop_at=STEPS // 2)
    pool, watch = Pool(train.images, train.labels, members), lambda done, _: meter.advance(before + done)
    return train_networks(net, pool, lr, training, DSA(strategy), stream(0, "flips"), watch=watch)


def _classes(part: Part, names: tuple[str, ...]) -> dict[str, Part]:
    """Class name -> its images, for classes that have any."""
    members = {name: part.labels == c for c, name in enumerate(names)}
    return {name: Part(part.images[own], part.labels[own]) for name, own in members.items() if own.any()}
