"""torchvision's networks for large images, unchanged, so that their pretrained weights can be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from ddkit.nets.net import Net, NetSettings
from ddkit.recipe import setting

MODELS = ("resnet18", "resnet50", "mobilenet_v2", "efficientnet_b0", "shufflenet_v2_x1_0")


@dataclass(frozen=True, kw_only=True)
class TorchvisionSettings(NetSettings):
    """A network of torchvision for RGB images of 224 pixels. Its last linear layer is the head.

    It has no dropout before the head and no stochastic depth, because they would use the global generator.
    """

    name: ClassVar[str] = "torchvision"
    model: str = setting("resnet18", one_of=MODELS, help="torchvision's name of the network")

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for RGB images. Images below 224 pixels give smaller maps."""
        from torchvision.models import get_model  # slow to import

        calm: dict[str, Any] = {"stochastic_depth_prob": 0.0} if self.model.startswith("efficientnet") else {}
        whole = get_model(self.model, weights=None, num_classes=classes, **calm)
        head = whole.fc if hasattr(whole, "fc") else whole.classifier[-1]
        layers = [layer for name, layer in whole.named_children() if name not in ("fc", "classifier", "avgpool")]
        return Net(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1)), head.in_features, classes)
