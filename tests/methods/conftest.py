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


@pytest.fixture(scope="session")
def faculty(real: RealData, tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    """Two teachers with batch norm, of two widths."""
    nets = "convnet(depth=1, width=4, norm=batch); convnet(depth=2, width=6, norm=batch)"
    net = FlatNet(parse_net("mlp"), real.data.shape, real.data.class_count)
    settings = TeacherSettings(nets=nets, epochs=4, batch=8, lr=0.05)
    return obtain_teachers(tmp_path_factory.mktemp("teachers"), Task(real, net, DSA("")), settings, SilentMeter())


@pytest.fixture(scope="session")
def make_context(real: RealData, faculty: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Context]:
    """make_context(expert kind or None, seed=0, augment="color_crop_scale", norm="instance"): experts are trained once
    a kind and norm."""
    root: Path = tmp_path_factory.mktemp("buffers")

    @functools.cache
    def make(kind: str | None, seed: int = 0, augment: str = "color_crop_scale", norm: str = "instance") -> Context:
        trajectories, net = None, FlatNet(parse_net(f"convnet(depth=1, width=4, norm={norm})"), (1, 8, 8), 3)
        if kind == TeacherSettings.name:
            return Context(Task(real, net, DSA(augment)), seed, teachers=faculty)
        if kind is not None:
            settings = expert_settings(kind)(count=2, batch=8, lr=0.05)
            buffer = Buffer.open(root, BufferKey("tiny", real.digest, "", net.spec, settings))
            trajectories = collect(buffer, Task(real, net, DSA("")), settings, EPOCHS, SilentMeter())
        return Context(Task(real, net, DSA(augment)), seed, trajectories)

    return make


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
