"""Tiny real data, and a context with experts of its own for every method."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ddkit.data import DSA, RealData
from ddkit.data.real import Part
from ddkit.experts import (
    Buffer,
    BufferKey,
    Ensemble,
    TeacherSettings,
    Trajectories,
    collect,
    expert_settings,
    obtain_teachers,
)
from ddkit.methods import Context
from ddkit.nets import FlatNet, parse_net
from ddkit.run import SilentMeter
from ddkit.task import Task

EPOCHS = 3


@pytest.fixture(scope="session")
def real(tiny: RealData) -> RealData:
    return tiny


TEACHERS = "convnet(depth=1, width=4, norm=batch); convnet(depth=2, width=6, norm=batch)"
"""Two teachers with batch norm, of two widths."""


@pytest.fixture(scope="session")
def contexts_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Callable[..., Context]]:
    """contexts_of(real, width=4, batch=8) -> make(expert kind or None, seed=0, augment="color_crop_scale",
    norm="instance"), which trains the experts once for each kind and norm."""

    def contexts(real: RealData, width: int = 4, batch: int = 8) -> Callable[..., Context]:
        root: Path = tmp_path_factory.mktemp("experts")
        shape, classes = real.data.shape, real.data.class_count

        @functools.cache
        def teachers() -> Ensemble:
            settings = TeacherSettings(nets=TEACHERS, epochs=4, batch=batch, lr=0.05)
            net = FlatNet(parse_net("mlp"), shape, classes)
            return obtain_teachers(root / "teachers", Task(real, net, DSA("")), settings, SilentMeter())

        @functools.cache
        def make(kind: str | None, seed: int = 0, augment: str = "color_crop_scale", norm: str = "instance") -> Context:
            net = FlatNet(parse_net(f"convnet(depth=1, width={width}, norm={norm})"), shape, classes)
            task, trajectories = Task(real, net, DSA(augment)), None
            if kind == TeacherSettings.name:
                return Context(task, seed, teachers=teachers())
            if kind is not None:
                settings = expert_settings(kind)(count=2, batch=batch, lr=0.05)
                buffer = Buffer.open(root / "buffers", BufferKey("tiny", real.digest, "", net.spec, settings))
                trajectories = collect(buffer, Task(real, net, DSA("")), settings, EPOCHS, SilentMeter())
            return Context(task, seed, trajectories)

        return make

    return contexts


@pytest.fixture(scope="session")
def make_context(real: RealData, contexts_of: Callable[..., Callable[..., Context]]) -> Callable[..., Context]:
    """The contexts of the tiny data."""
    return contexts_of(real)


@pytest.fixture(scope="session")
def ensemble(make_context: Callable[..., Context]) -> Ensemble:
    """Two teachers with batch norm, of two widths."""
    teachers = make_context(TeacherSettings.name).teachers
    assert teachers is not None
    return teachers


class Walks(Trajectories):
    """Stands for experts: rows of float64."""

    def __init__(self, rows: torch.Tensor) -> None:
        object.__setattr__(self, "count", len(rows))
        object.__setattr__(self, "rows", rows)

    def row(self, expert: int, epoch: int) -> torch.Tensor:
        return self.rows[expert, epoch]


@pytest.fixture
def in_float64(make_context: Callable[..., Context]) -> Callable[..., Context]:
    """in_float64(net, augment=""): a context with data in float64, and two random walks as experts."""

    def build(net: str = "convnet(depth=1, width=4)", augment: str = "") -> Context:
        context = make_context(None)
        train = Part(context.real.train.images.double(), context.real.train.labels)
        flat = FlatNet(parse_net(net), (1, 8, 8), 3)
        generator = torch.Generator().manual_seed(3)
        starts = torch.stack([flat.init(generator, torch.float64) for _ in range(2)])
        steps = 0.05 * torch.randn(2, 3, flat.parameters, generator=generator, dtype=torch.float64)
        rows = torch.cat([starts[:, None], starts[:, None] + steps.cumsum(1)], 1)
        return dataclasses.replace(
            context,
            task=Task(dataclasses.replace(context.real, train=train), flat, DSA(augment)),
            trajectories=Walks(rows),
        )

    return build


@pytest.fixture
def batch_sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(images, labels) of a student's batch in each step of a trajectory method, whose loss is 0 meanwhile."""
    sizes: list[tuple[int, int]] = []

    def spy(net, theta_0, theta_target, images, labels, **rest):  # type: ignore[no-untyped-def]
        sizes.append((images.shape[2], labels.shape[2]))
        return images.sum() * 0 + rest["lr"].sum() * 0 + (labels.sum() * 0 if labels.requires_grad else 0)

    monkeypatch.setattr("ddkit.methods.trajectory.matching_loss", spy)
    return sizes
