"""Train a network on a ddkit set of digits by Hugging Face's Trainer, without ddkit, and print its test accuracy:
python examples/train_with_transformers.py SET.h5"""

import sys
import tempfile

import datasets
import h5py
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from transformers import Trainer, TrainingArguments


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        blocks = [[nn.Conv2d(c, 32, 3, padding=1), nn.GroupNorm(32, 32), nn.ReLU(), nn.AvgPool2d(2)] for c in (1, 32)]
        self.net = nn.Sequential(*blocks[0], *blocks[1], nn.Flatten(), nn.Linear(128, 10))

    def forward(self, image: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": nn.functional.cross_entropy(logits := self.net(image), labels), "logits": logits}


with h5py.File(sys.argv[1]) as file:
    train, facts = datasets.Dataset.from_dict({"image": file["image"][:], "labels": file["label"][:]}), dict(file.attrs)
torch.manual_seed(0)
model = Classifier()
sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
constant = torch.optim.lr_scheduler.ConstantLR(sgd, factor=1)
with tempfile.TemporaryDirectory() as out:
    options = {"use_cpu": True, "report_to": "none", "save_strategy": "no", "max_grad_norm": 0}
    arguments = TrainingArguments(out, max_steps=300, per_device_train_batch_size=len(train), **options)
    Trainer(model, arguments, train_dataset=train.with_format("torch"), optimizers=(sgd, constant)).train()
v, t = load_digits(return_X_y=True)
_, v, _, t = train_test_split(v.reshape(-1, 1, 8, 8), t, test_size=0.2, random_state=0, stratify=t)
test = ((torch.tensor(v * 255 / 16).round() / 255 - facts["mean"][0]) / facts["std"][0]).float()
print(f"{(model.net(test).argmax(1) == torch.tensor(t)).float().mean():.4f}")
