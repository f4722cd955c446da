"""Train a network on a ddkit set of digits, without ddkit, and print its test accuracy:

python examples/train_on_a_set.py SET.h5
"""

import sys

import h5py
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


def train(x: torch.Tensor, y: torch.Tensor) -> nn.Module:
    torch.manual_seed(0)
    blocks = [[nn.Conv2d(c, 32, 3, padding=1), nn.GroupNorm(32, 32), nn.ReLU(), nn.AvgPool2d(2)] for c in (1, 32)]
    net = nn.Sequential(*blocks[0], *blocks[1], nn.Flatten(), nn.Linear(128, 10))
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    for _ in range(300):
        sgd.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        sgd.step()
    return net


if __name__ == "__main__":
    with h5py.File(sys.argv[1]) as file:
        x, y, facts = torch.tensor(file["image"][:]), torch.tensor(file["label"][:]), dict(file.attrs)
    v, t = load_digits(return_X_y=True)
    _, v, _, t = train_test_split(v.reshape(-1, 1, 8, 8), t, test_size=0.2, random_state=0, stratify=t)
    test = ((torch.tensor(v * 255 / 16).round() / 255 - facts["mean"][0]) / facts["std"][0]).float()
    print(f"{(train(x, y)(test).argmax(1) == torch.tensor(t)).float().mean():.4f}")
