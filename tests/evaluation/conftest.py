"""Digits, a small network, and a herding set to judge."""

import pytest

from ddkit.data import DataSettings, RealData, load_images, prepare, select
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.synth import SetFacts, SyntheticSet


@pytest.fixture(scope="session")
def real() -> RealData:
    return prepare(load_images("digits"), DataSettings())


@pytest.fixture(scope="session")
def net() -> FlatNet:
    return FlatNet(parse_net("mlp(depth=1, width=16)"), (1, 8, 8), 10)


@pytest.fixture(scope="session")
def synthetic(real: RealData, net: FlatNet) -> SyntheticSet:
    chosen = select("herding", real.train.images.flatten(1), real.train.labels, 2, stream(0, "unused"))
    facts = SetFacts(
        method="toy",
        dataset="digits",
        data_digest=real.data.digest,
        classes=real.data.classes,
        ipc=2,
        space="normalised",
        mean=real.preprocess.mean,
        std=real.preprocess.std,
        preprocess_digest=real.preprocess.digest,
        net=net.spec,
        lr=0.02,
    )
    return SyntheticSet(images=real.train.images[chosen], labels=real.train.labels[chosen], facts=facts)
