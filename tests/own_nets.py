"""A module with a user's networks, for tests. `write` puts it where Python finds it."""

import importlib
import sys
from pathlib import Path

import pytest

NETS = '''
import torch
import torch.nn.functional as F
from torch import nn


def small(channels, size, classes, width=4):
    """A ConvNet with batch norm whose momentum is its own."""
    height, wide = size
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width, momentum=0.3), nn.ReLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(width * (height // 2) * (wide // 2), classes),
    )


def plain(channels, size, classes):
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3, padding=1), nn.GroupNorm(4, 4), nn.Softplus(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(4 * (size[0] // 2) * (size[1] // 2), classes),
    )


class Attends(nn.Module):
    """Raw parameters, both calls of PyTorch's attention, a head that is not registered last, and a constant buffer."""

    def __init__(self, channels, size, classes):
        super().__init__()
        self.head = nn.Linear(8, classes)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.patches = nn.Conv2d(channels, 8, 4, 4)
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True)
        self.register_buffer("scale", torch.full((1,), 0.5))

    def forward(self, x):
        x = self.patches(x).flatten(2).mT
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) * self.scale
        x = x + self.attention(x, x, x, need_weights=False)[0]
        x = x + F.scaled_dot_product_attention(x, x, x)
        return self.head(x[:, 0])


class Tied(nn.Module):
    def __init__(self, channels, size, classes):
        super().__init__()
        self.into = nn.Conv2d(channels, 6, 1)
        self.one, self.two, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, classes)
        self.two.weight = self.one.weight

    def forward(self, x):
        return self.head(self.two(self.one(self.into(x).mean((2, 3))).tanh()))


class Frozen(nn.Sequential):
    def __init__(self, channels, size, classes):
        super().__init__(nn.Flatten(), nn.Linear(channels * size[0] * size[1], 4), nn.Linear(4, classes))
        self[1].weight.requires_grad_(False).fill_(0.1)
'''


def write(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str = NETS, name: str = "ownnets") -> str:
    """Write a module into a folder on Python's path, and return the beginning of its specs."""
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    return f"py:{name}:"
