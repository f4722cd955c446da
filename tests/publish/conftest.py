"""Sets of all forms, and the folder that each is published in; no test reaches the network."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from random_graphs import distil, random_graph_data

import ddkit
from ddkit.methods import graph_method
from ddkit.randomness import stream
from ddkit.synth import Compact, GraphSet, SyntheticSet

FORMS = ("plain", "soft", "logits", "colour", "compact")


def made(form: str) -> SyntheticSet:
    """A set of ten images; "plain" is the ready-made one, the others differ from it as their names say."""
    plain = ddkit.load("digits-ftd-ipc1")
    assert isinstance(plain, SyntheticSet)
    draw = stream(0, "published", form)
    if form == "soft":
        return dataclasses.replace(plain, soft_labels=torch.rand(10, 10, generator=draw).softmax(1))
    if form == "logits":
        facts = dataclasses.replace(plain.facts, temperature=4.0)
        return dataclasses.replace(plain, facts=facts, soft_labels=torch.randn(10, 10, generator=draw))
    if form == "colour":
        facts = dataclasses.replace(plain.facts, mean=(0.4, 0.5, 0.3), std=(0.2, 0.3, 0.25))
        return dataclasses.replace(plain, facts=facts, images=torch.randn(10, 3, 6, 4, generator=draw))
    if form == "compact":
        real = torch.randint(0, 256, (10, 1, 1, 4, 4), dtype=torch.uint8, generator=draw)
        compact = Compact(real, torch.randn(2, 1, 1, 4, 4, generator=draw).half())
        facts = dataclasses.replace(plain.facts, temperature=4.0)
        return SyntheticSet.from_compact(compact, facts, torch.randn(30, 10, generator=draw))
    return plain


@pytest.fixture(scope="session")
def publish(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[SyntheticSet, Path]]:
    """publish(form) -> (the set, its folder)."""
    done: dict[str, tuple[SyntheticSet, Path]] = {}

    def publish_once(form: str) -> tuple[SyntheticSet, Path]:
        if form not in done:
            own = made(form)
            done[form] = own, ddkit.export(own, "hf", tmp_path_factory.mktemp("published") / form)
        return done[form]

    return publish_once


@pytest.fixture(scope="session")
def graphs() -> GraphSet:
    """A set of random graphs by mirage-plus, whose labels are soft."""
    method = graph_method("mirage-plus")
    return distil(method, method.settings_class(hops=2, budget=400), random_graph_data(3, graphs=12))


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`datasets` and huggingface_hub keep their files under tmp_path and never call the network."""
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield
