"""torchvision's networks, unchanged, by torchvision's names: "resnet50", "vit_b_16"."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from torch import Generator, Tensor, nn

from ddkit.errors import UsageError, nearest
from ddkit.nets.foreign import ForeignSettings
from ddkit.nets.net import Net, NetSettings
from ddkit.recipe import setting
from ddkit.toml import SHOWN, shortened

MODELS = ("resnet18", "resnet50", "mobilenet_v2", "efficientnet_b0", "shufflenet_v2_x1_0")
"""Networks that begin, as ddkit's own, from PyTorch's default initialisation. The others begin from torchvision's."""


@dataclass(frozen=True, kw_only=True)
class TorchvisionSettings(ForeignSettings):
    """A network of torchvision for RGB images, of 224 pixels unless it takes others. Its last linear layer is the head.

    It has no dropout before the head and no stochastic depth, because they would use the global generator.
    """

    name: ClassVar[str] = "torchvision"
    model: str = setting("resnet18", help="torchvision's name of the network, such as resnet50 or vit_b_16")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model not in MODELS and self.model not in all_models():
            known = nearest(self.model[:SHOWN], all_models())
            raise UsageError(f"net torchvision: model '{shortened(self.model)}' is unknown; {known}")

    @property
    def foreign(self) -> bool:
        return self.model not in MODELS

    def build(self, shape: tuple[int, int, int], classes: int) -> Net:
        """Build the network for RGB images. Images below 224 pixels give smaller maps.

        Raises:
            UsageError: the images are not RGB, or do not fit the network.
        """
        if shape[0] != 3:
            raise UsageError(
                f"net {self.spec}: takes images of 3 channels, got {shape[0]}; use RGB images, or timm:{self.model}, "
                "which takes any number"
            )
        if self.foreign:
            return super().build(shape, classes)
        whole = self.make(shape, classes)
        head = whole.fc if hasattr(whole, "fc") else whole.classifier[-1]
        layers = [layer for name, layer in whole.named_children() if name not in ("fc", "classifier", "avgpool")]
        return Net(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1)), head.in_features, classes)

    def make(self, shape: tuple[int, int, int], classes: int) -> Any:
        from torchvision.models import get_model  # slow to import

        special: dict[str, Any] = {}
        if self.model.startswith("efficientnet"):
            special["stochastic_depth_prob"] = 0.0
        if self.model in ("inception_v3", "googlenet"):
            special |= {"aux_logits": False, "init_weights": True}
        if self.model.startswith("vit_"):
            side, patch = shape[1], int(self.model.rpartition("_")[2])
            if shape[1] != shape[2] or side % patch:
                raise UsageError(
                    f"net {self.spec}: needs square images whose side is a multiple of {patch} pixels, got "
                    f"{shape[1]}x{shape[2]}; choose another network, such as timm:vit_tiny_patch16_224"
                )
            special["image_size"] = side
        return get_model(self.model, weights=None, num_classes=classes, **special)

    def blueprint(self, shape: tuple[int, int, int], classes: int) -> Net:
        return super().blueprint(shape, classes) if self.foreign else NetSettings.blueprint(self, shape, classes)

    def initial(self, blueprint: Net, shape: tuple[int, int, int], classes: int, generator: Generator) -> Tensor:
        own = super().initial if self.foreign else super(ForeignSettings, self).initial
        return own(blueprint, shape, classes, generator)


@lru_cache(maxsize=64)
def torchvision_by_name(model: str) -> type[TorchvisionSettings] | None:
    """Return a class that makes TorchvisionSettings(model=model); None if torchvision has no such network."""
    if model not in all_models():
        return None

    def only(cls: type, model: str = model) -> TorchvisionSettings:
        return TorchvisionSettings(model=model)

    return dataclasses.make_dataclass(
        "TorchvisionByName",
        [("model", str, setting(model, one_of=(model,), help="torchvision's name of the network"))],
        bases=(TorchvisionSettings,),
        namespace={"__new__": only},
        frozen=True,
        kw_only=True,
    )


@lru_cache(maxsize=1)
def all_models() -> list[str]:
    """The names of torchvision's networks that classify images."""
    import torchvision.models  # slow to import

    return list(torchvision.models.list_models(module=torchvision.models))
