"""A small set of random numbers, with every fact that a file must carry."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ddkit.randomness import stream
from ddkit.synth import Record, SetFacts, SyntheticSet


@pytest.fixture
def make_set() -> Callable[..., SyntheticSet]:
    """make_set(soft=False, classes=3, ipc=2, shape=(3, 5, 4), record=Record(), **facts)."""

    def make(
        soft: bool = False,
        classes: int = 3,
        ipc: int = 2,
        shape: tuple[int, int, int] = (3, 5, 4),
        record: Record | None = None,
        **facts: Any,
    ) -> SyntheticSet:
        draw = stream(0, "set")
        n = classes * ipc
        values: dict[str, Any] = {
            "method": "ftd",
            "dataset": "toy",
            "data_digest": "d" * 64,
            "classes": tuple(f"class {c}" for c in range(classes)),
            "ipc": ipc,
            "space": "normalised",
            "preprocess_digest": "p" * 64,
            "net": "mlp(depth=1, width=8)",
            "augment": "color_flip",
            "evaluation_flip": 0.25,
            "mean": tuple(0.1 * (c + 1) for c in range(shape[0])),
            "std": tuple(0.3 / (c + 1) for c in range(shape[0])),
            "lr": 0.0123,
        }
        return SyntheticSet(
            images=torch.randn(n, *shape, generator=draw),
            labels=torch.arange(classes).repeat_interleave(ipc),
            soft_labels=torch.rand(n, classes, generator=draw).softmax(1) if soft else None,
            facts=SetFacts(**{**values, **facts}),
            record=record or Record(recipe="seed = 0\n", environment='{"torch": "2"}', scores="{}"),
        )

    return make
