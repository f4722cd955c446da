"""Published sets; no test reaches the network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from published_sets import made
from random_graphs import distil, random_graph_data

import ddkit
from ddkit.methods import graph_method
from ddkit.synth import GraphSet, SyntheticSet


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
