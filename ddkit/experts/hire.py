"""Bring the teachers that a recipe asks for: train what is missing, keep what is there."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ddkit.data import RealData
from ddkit.errors import DataError, NumericalError
from ddkit.experts.buffer_key import BufferKey
from ddkit.experts.bundle import FORMAT, Bundle, TeacherFacts, read_bundle, write_bundle
from ddkit.experts.collect import Epochs
from ddkit.experts.ensemble import Ensemble
from ddkit.experts.pretrained import is_cached, pretrained
from ddkit.experts.processes import at_once, process_count
from ddkit.experts.teacher import FILE, PRETRAINED, TeacherSettings
from ddkit.experts.train import train_experts
from ddkit.nets import FlatNet, Stats, accuracy, parse_net
from ddkit.randomness import stream
from ddkit.run import LOCK, Meter, locked, sweep
from ddkit.task import Task

STATISTICS_BATCH = 500
"""Images whose moments are averaged into a teacher's statistics, a batch at a time."""


class Post(NamedTuple):
    """A teacher that is wanted: its network, which of the network's teachers (they differ in their draws), and its
    file. Without a network it is not trained here, and the file must be there."""

    net: FlatNet | None
    which: int
    file: Path

    @property
    def here(self) -> bool:
        """Whether the teacher need not be trained or downloaded first."""
        name = str(self.file)
        return is_cached(name.removeprefix(PRETRAINED)) if name.startswith(PRETRAINED) else self.file.exists()

    @property
    def untrained(self) -> bool:
        """Whether it is to be trained here."""
        return self.net is not None and not self.here


def hire(root: Path, task: Task, settings: TeacherSettings, meter: Meter) -> Ensemble:
    """The teachers of `settings` for the task's data, each from its bundle under `root`.

    On a CPU missing ones are trained each in a process of its own, as many at once as there are cores. A teacher draws
    from stream(settings.seed, "expert", e) alone. Work that was interrupted goes on at the teachers that are missing.
    Where another run is training one of them, this one waits, and then shares it.

    Raises:
        DataError: a damaged bundle; or data that is not normalised channel by channel.
        NumericalError: a teacher diverged; it is not stored.
    """
    real = task.real
    if getattr(real.preprocess, "mean", None) is None:
        raise DataError(
            f"teachers of '{real.data.name}': need data.preprocess = \"normalise\", not {real.preprocess.space}; "
            "their batch norms are matched in that space"
        )
    wanted = posts(root, task, settings)
    trained = 0
    if any(post.untrained for post in wanted):
        with ExitStack() as held:
            for file in sorted({post.file for post in wanted if post.untrained}):  # in order: no circle of waiting
                lock = file.with_name(f".{file.stem}{LOCK}")
                held.enter_context(locked(lock, f"teacher '{file.stem}'", doing="being trained", wait=meter.say))
                sweep(root, partial(str.__eq__, file.name))
            missing = [post for post in wanted if post.untrained]
            if missing:
                _train(missing, wanted, task, settings, meter)
            trained = len(missing)
    return Ensemble(tuple(read_post(post, real) for post in wanted), trained=trained)


def _train(missing: list[Post], wanted: list[Post], task: Task, settings: TeacherSettings, meter: Meter) -> None:
    """Train the missing ones of what is wanted, each into its file."""
    done = Epochs(meter, (settings.epochs + 1) * len(wanted), (settings.epochs + 1) * (len(wanted) - len(missing)))
    meter.start("training teachers, epochs", done.total, done.count)

    def train(post: Post) -> Iterable[tuple[np.ndarray, float] | None]:
        """One item an epoch, of which the last is what was trained."""
        assert post.net is not None
        return _trained(task.with_net(post.net), settings, post.which)

    count = 1 if task.device.type == "cuda" else process_count()
    with closing(at_once(train, missing, count, done.one_more)) as finished:
        for post, (*_, last) in finished:
            assert post.net is not None and last is not None
            numbers, loss = last
            theta = torch.from_numpy(numbers).to(task.real.train.images)
            _refuse_lost_numbers(post.net, theta)
            bundle = bundle_of(task.with_net(post.net), theta)
            write_bundle(bundle, post.file)
            done.show({"loss": loss, "validation": bundle.facts.validation_accuracy})
    meter.finish()


def posts(root: Path, task: Task, settings: TeacherSettings) -> list[Post]:
    """The teachers of `settings` in their order, there or not."""
    found = []
    for name in settings.named:
        if name.startswith((FILE, PRETRAINED)):
            found.append(Post(None, 0, Path(name.removeprefix(FILE))))
            continue
        net = task.under(parse_net(name)).net
        known_by = f"{task.real.digest} {FORMAT}"  # so that files of another version are left alone
        own = replace(settings, nets=net.spec)
        key = BufferKey(task.real.data.name, known_by, task.dsa.strategy, net.spec, own)
        found += [Post(net, which, root / f"{key.folder}-{which}.pt") for which in range(settings.count)]
    return found


def _trained(task: Task, settings: TeacherSettings, which: int) -> Iterator[tuple[np.ndarray, float] | None]:
    """None for the initialisation and each epoch; for the last one its parameters [P] and mean training loss."""
    generator = stream(settings.seed, "expert", which)
    for epoch, (theta, losses) in enumerate(train_experts(task, settings, settings.epochs, [generator])):
        yield (theta[0].cpu().numpy(), float(losses[0])) if epoch == settings.epochs else None


def bundle_of(task: Task, theta: Tensor) -> Bundle:
    """The teacher that the task's network is once it has the trained parameters `theta` [P]."""
    net, real = task.net, task.real
    stats = population_stats(net, theta, real.train.images)
    right = accuracy(net, theta, real.validation.images, real.validation.labels, stats or None)
    return Bundle(theta, stats, TeacherFacts.of(net, real, real.data.name, right))


def population_stats(net: FlatNet, theta: Tensor, images: Tensor) -> Stats:
    """The running statistics of a trained network: the mean over random batches of all images, as they are, of the
    batches'.

    PyTorch's running average follows the weights of the last few steps and the augmented images. This one belongs to
    the weights that are kept and to real images, which is what BN matching and the network's users meet. Batches are
    random because data often lies class by class, where a batch has the spread of one class.
    """
    if not net.has_stats:
        return {}
    count = max(1, round(len(images) / STATISTICS_BATCH))
    order = torch.randperm(len(images), generator=stream(0, "statistics")).to(images.device)
    batches = [net.batch_stats(theta, images[rows]) for rows in order.tensor_split(count)]
    return {name: torch.stack([stats[name] for stats in batches]).mean(0) for name in batches[0]}


def read_post(post: Post, real: RealData) -> Bundle:
    """A teacher that is there, on the data's device, held against the data.

    Raises:
        DataError: it is not there, damaged, or reads other pixels or classes.
    """
    name = str(post.file)
    if name.startswith(PRETRAINED):
        return pretrained(name.removeprefix(PRETRAINED), real)
    bundle = read_bundle(post.file)
    bundle.refuse_mismatch(real, f"teacher '{post.file.name}'")
    if post.net is not None and (bundle.facts.net, bundle.facts.data_digest) != (post.net.spec, real.data.digest):
        raise DataError(
            f"teacher '{post.file}': is a {bundle.facts.net} trained on data {bundle.facts.data_digest[:8]}, which "
            f"does not go by this name; `ddkit teachers rm {post.file.stem}` to have {post.net.spec} trained"
        )
    return bundle.to(real.train.images.device)


def _refuse_lost_numbers(net: FlatNet, theta: Tensor) -> None:
    if not bool(theta.isfinite().all()):
        raise NumericalError(f"teacher {net.spec}: its parameters are no longer finite; lower experts.lr")
