"""Networks of timm (PyTorch Image Models), by timm's names: "timm:resnet18"."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar

from torch import nn

from ddkit.errors import DataError, UsageError, nearest, reason
from ddkit.nets.foreign import ForeignSettings
from ddkit.recipe import setting
from ddkit.toml import SHOWN, shortened


class TimmSettings(ForeignSettings):
    """A network of timm, as it is, for any number of channels. Vision transformers are built for the images' size."""

    model: ClassVar[str]
    pretrained: bool

    @property
    def starts_trained(self) -> bool:
        return self.pretrained

    def make(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        channels, height, width = shape
        timm = _timm(self.model)
        config = timm.get_pretrained_cfg(self.model)
        size: dict[str, Any] = {"img_size": (height, width)} if config is not None and config.fixed_input_size else {}
        try:
            made: nn.Module = timm.create_model(
                self.model, pretrained=self.pretrained, in_chans=channels, num_classes=classes, **size
            )
        except OSError as error:  # no connection
            raise DataError(
                f"net '{self.name}': its pretrained weights cannot be loaded ({reason(error)}); load them once "
                "where there is a connection, or leave pretrained=true out"
            ) from None
        return made


def timm_settings(model: str) -> type[TimmSettings]:
    """Return the settings class of a network of timm.

    Raises:
        UsageError: timm is not installed, or has no such network.
    """
    timm = _timm(model)
    if not timm.is_model(model.partition(".")[0]):
        raise UsageError(f"net 'timm:{shortened(model)}': is unknown; {nearest(model[:SHOWN], timm.list_models())}")
    return _class_of(model)


@lru_cache(maxsize=64)
def _class_of(model: str) -> type[TimmSettings]:
    pretrained = setting(False, help="start from timm's pretrained weights; for teachers only")
    return dataclasses.make_dataclass(
        "TimmSettings",
        [("pretrained", bool, pretrained)],
        bases=(TimmSettings,),
        namespace={"name": f"timm:{model}", "model": model},
        frozen=True,
        repr=False,
        kw_only=True,
    )


def _timm(model: str) -> Any:
    try:
        return import_module("timm")  # not by name: timm is optional, and type checkers need not have it
    except ImportError:
        raise UsageError(
            f"net 'timm:{shortened(model)}': timm is not installed; run: pip install 'ddkit[timm]'"
        ) from None
