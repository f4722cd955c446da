"""A user's networks, as benchmarks/networks.py names them: "py:user_networks:convnet" and "py:user_networks:vit"."""

import torch
from torch import Tensor, nn


def convnet(channels: int, size: tuple[int, int], classes: int, depth: int = 4, width: int = 32) -> nn.Module:
    """The ConvNet of dataset distillation, as a user may write it."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.GroupNorm(width, width), nn.ReLU(), nn.AvgPool2d(2)]
        channels = width
    height, wide = (side >> depth for side in size)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * height * wide, classes))


class ViT(nn.Module):
    """A small vision transformer of PyTorch's layers, with dropout."""

    def __init__(self, channels: int, size: tuple[int, int], classes: int, depth: int = 4, width: int = 64) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, width, 8, 8)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(0.02 * torch.randn(1, 1 + size[0] // 8 * (size[1] // 8), width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).mT
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        out: Tensor = self.head(self.body(x)[:, 0])
        return out


vit = ViT
