"""Tiny real data, and a context with experts of its own for every method."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from ddkit.data import DSA, RealData
from ddkit.experts import Buffer, BufferKey, collect, expert_settings
from ddkit.methods import Context
from ddkit.nets import FlatNet, parse_net
from ddkit.run import SilentMeter

EPOCHS = 3


@pytest.fixture(scope="session")
def real(tiny: RealData) -> RealData:
    return tiny


@pytest.fixture(scope="session")
def make_context(real: RealData, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Context]:
    """make_context(expert kind or None, seed=0, augment="color_crop_scale"): experts are trained once a kind."""
    root: Path = tmp_path_factory.mktemp("buffers")
    net = FlatNet(parse_net("convnet(depth=1, width=4)"), (1, 8, 8), 3)

    @functools.cache
    def make(kind: str | None, seed: int = 0, augment: str = "color_crop_scale") -> Context:
        trajectories = None
        if kind is not None:
            settings = expert_settings(kind)(count=2, batch=8, lr=0.05)
            buffer = Buffer.open(root, BufferKey("tiny", real.digest, "", net.spec, settings))
            trajectories = collect(buffer, real, net, settings, DSA(""), EPOCHS, SilentMeter())
        return Context(real, net, DSA(augment), seed, trajectories)

    return make
