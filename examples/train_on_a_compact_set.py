"""Train on a compact ddkit set of digits (INFER), without ddkit: python examples/train_on_a_compact_set.py SET.h5"""

import sys

import h5py
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn


def expand(file: h5py.File) -> torch.Tensor:
    mean, std = (torch.tensor(file.attrs[name]).float().view(-1, 1, 1) for name in ("mean", "std"))
    real = (torch.tensor(file["compact/real"][:]).float() / 255 - mean) / std  # [classes, n, C, H, W]
    added = torch.tensor(file["compact/compensator"][:]).float()  # [teachers, n, C, H, W]
    seen = [(real + own).clamp((0 - mean) / std, (1 - mean) / std) for own in added]
    return torch.cat([real, *seen], 1).flatten(0, 1)


if __name__ == "__main__":
    with h5py.File(sys.argv[1]) as file:
        x, facts, t = expand(file), dict(file.attrs), float(file.attrs["temperature"])
        y = (torch.tensor(file["soft_label"][:]).float() / t).softmax(1)  # teachers' logits at temperature t
    torch.manual_seed(0)
    blocks = [[nn.Conv2d(c, 32, 3, padding=1), nn.GroupNorm(32, 32), nn.ReLU(), nn.AvgPool2d(2)] for c in (1, 32)]
    net = nn.Sequential(*blocks[0], *blocks[1], nn.Flatten(), nn.Linear(128, 10))
    adamw = torch.optim.AdamW(net.parameters(), lr=0.003)
    for _ in range(300):
        adamw.zero_grad()
        nn.functional.cross_entropy(net(x) / t, y).backward()
        adamw.step()
    v, t = load_digits(return_X_y=True)
    _, v, _, t = train_test_split(v.reshape(-1, 1, 8, 8), t, test_size=0.2, random_state=0, stratify=t)
    test = ((torch.tensor(v * 255 / 16).round() / 255 - facts["mean"][0]) / facts["std"][0]).float()
    print(f"{(net(test).argmax(1) == torch.tensor(t)).float().mean():.4f}")
