"""torchvision's own networks for large images, unchanged, so that their pretrained weights fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from ddkit.nets.net import Net, NetSettings
from ddkit.recipe import setting

MODELS = ("resnet18", "resnet50", "mobilenet_v2", "efficientnet_b0", "shufflenet_v2_x1_0")


@dataclass(frozen=True, kw_only=True)
class TorchvisionSettings(NetSettings):
    """A network of torchvision's for images of 224 pixels and RGB, with its own stem. Its last linear layer is the
    head.

    Dropout before the head and stochastic depth are left out: they would draw from the global generator.
    """

    name: ClassVar[str] = "torchvision"
    model: str = setting("resnet18", one_of=MODELS, help="torchvision's name of it")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """The network for RGB images; smaller ones than 224 pixels shrink to small maps."""
        from torchvision.models import get_model  # takes a second

        calm: dict[str, Any] = {"stochastic_depth_prob": 0.0} if self.model.startswith("efficientnet") else {}
        whole = get_model(self.model, weights=None, num_classes=classes, **calm)
        head = whole.fc if hasattr(whole, "fc") else whole.classifier[-1]
        layers = [layer for name, layer in whole.named_children() if name not in ("fc", "classifier", "avgpool")]
        return Net(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1)), head.in_features, classes)
