"""Train a network on a ddkit set of digits by Lightning, without ddkit, and print its test accuracy:

python examples/train_with_lightning.py SET.h5
"""

import sys

import h5py
import lightning
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        blocks = [[nn.Conv2d(c, 32, 3, padding=1), nn.GroupNorm(32, 32), nn.ReLU(), nn.AvgPool2d(2)] for c in (1, 32)]
        self.net = nn.Sequential(*blocks[0], *blocks[1], nn.Flatten(), nn.Linear(128, 10))

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)


with h5py.File(sys.argv[1]) as file:
    x, y, facts = torch.tensor(file["image"][:]), torch.tensor(file["label"][:]), dict(file.attrs)
torch.manual_seed(0)
model = Classifier()
options = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
lightning.Trainer(max_epochs=300, **options).fit(model, DataLoader(TensorDataset(x, y), batch_size=len(x)))
v, t = load_digits(return_X_y=True)
_, v, _, t = train_test_split(v.reshape(-1, 1, 8, 8), t, test_size=0.2, random_state=0, stratify=t)
test = ((torch.tensor(v * 255 / 16).round() / 255 - facts["mean"][0]) / facts["std"][0]).float()
print(f"{(model.net(test).argmax(1) == torch.tensor(t)).float().mean():.4f}")
