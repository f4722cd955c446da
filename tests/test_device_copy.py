"""Copies to a CUDA device: from pinned memory, without waiting. Fakes stand for the device."""

import ast
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ddkit.device_copy import to_device

CUDA = torch.device("cuda")


@pytest.fixture
def copies(monkeypatch) -> list[str]:
    """What `to_device` asks of a tensor, in order."""
    asked: list[str] = []

    def pin(tensor: Tensor) -> Tensor:
        asked.append("pinned")
        return tensor.clone()

    def to(tensor: Tensor, device: torch.device, non_blocking: bool = False) -> Tensor:
        asked.append(f"to {device.type}{', not waiting' if non_blocking else ''}")
        return tensor

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    monkeypatch.setattr(Tensor, "to", to)
    return asked


def test_a_copy_to_cuda_is_pinned_and_does_not_wait(copies):
    values = torch.arange(5)
    assert torch.equal(to_device(values, CUDA), values)
    assert copies == ["pinned", "to cuda, not waiting"]


def test_a_copy_to_a_cpu_is_none(copies):
    values = torch.arange(5)
    assert to_device(values, torch.device("cpu")) is values
    assert copies == ["to cpu"]


def waiting_copies(tree: ast.Module) -> list[str]:
    """Calls of `.to` that name a device. `DSAParams.to`, which calls itself, copies by `to_device`."""
    return [
        ast.unparse(call)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "to"
        if ast.unparse(call.func.value) != "self.then"
        if any("device" in ast.unparse(given) for given in (*call.args, *call.keywords))
    ]


ROOT = Path(__file__).parents[1] / "ddkit"
ITERATION = [
    *sorted((ROOT / "methods").glob("*.py")),
    *sorted((ROOT / "steps").glob("*.py")),
    *sorted((ROOT / "unroll").glob("*.py")),
    ROOT / "data" / "augment.py",
    ROOT / "data" / "augment_operations.py",
    ROOT / "experts" / "trajectories" / "trajectories.py",
]
"""The modules that an outer iteration runs."""


@pytest.mark.parametrize("file", ITERATION, ids=lambda file: file.stem)
def test_an_outer_iteration_copies_by_to_device(file):
    assert waiting_copies(ast.parse(file.read_text())) == []


def test_a_waiting_copy_is_found():
    assert waiting_copies(ast.parse("index.to(context.device)\nindex.to(weight.dtype)")) == ["index.to(context.device)"]
