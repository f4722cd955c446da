"""Tiny real data and a network, small enough for an expert to train in milliseconds."""

import pytest

from ddkit.data import RealData
from ddkit.nets import FlatNet, parse_net


@pytest.fixture(scope="session")
def real(tiny: RealData) -> RealData:
    return tiny


@pytest.fixture(scope="session")
def net() -> FlatNet:
    return FlatNet(parse_net("convnet(depth=1, width=4)"), (1, 8, 8), 3)
