"""Sets of images of all forms that can be published."""

import dataclasses

import torch

import ddkit
from ddkit.randomness import stream
from ddkit.synth import Compensated, SyntheticSet

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
        compact = Compensated(real, torch.randn(2, 1, 1, 4, 4, generator=draw).half())
        facts = dataclasses.replace(plain.facts, temperature=4.0)
        return SyntheticSet.from_compact(compact, facts, torch.randn(30, 10, generator=draw))
    return plain
