"""Names of networks and the modules that define them."""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, cast

from ddkit.errors import UsageError, nearest
from ddkit.name_table import class_named, third_party, with_third_parties
from ddkit.toml import SHOWN, shortened

if TYPE_CHECKING:  # names are listed without torch
    from ddkit.nets.net import NetSettings

NETS = {
    "convnet": "ddkit.nets.convnet:ConvNetSettings",
    "alexnet": "ddkit.nets.alexnet:AlexNetSettings",
    "vgg11": "ddkit.nets.vgg:VGG11Settings",
    "resnet18": "ddkit.nets.resnet:ResNet18Settings",
    "torchvision": "ddkit.nets.torchvision_net:TorchvisionSettings",
    "mlp": "ddkit.nets.mlp:MLPSettings",
    "lenet": "ddkit.nets.lenet:LeNetSettings",
    "mobilenetv2": "ddkit.nets.mobilenet:MobileNetV2Settings",
    "efficientnet-b0": "ddkit.nets.efficientnet:EfficientNetB0Settings",
    "shufflenet": "ddkit.nets.shufflenet:ShuffleNetSettings",
}

FAMILIES = {
    "py": "ddkit.nets.py_net:py_settings",
    "timm": "ddkit.nets.timm_net:timm_settings",
    "object": "ddkit.nets.object_net:object_settings",
}
"""Prefix of a name -> the function that returns the settings class of the rest of the name."""

OWN = {
    "py:MODULE:FACTORY": "Your own network: a Python function or class, see docs/networks.md.",
    "timm:NAME": "A network of timm, see docs/networks.md.",
}
"""How to write networks of other code -> one sentence."""

_NAMED: set[str] = set()
"""The names "py:module:factory" that the user has named in this process."""


def was_named(name: str) -> bool:
    """Whether the user has named this Python code, in any version."""
    return name.partition("@")[0] in _NAMED


def net_homes() -> dict[str, str]:
    """Return name -> "module:Class" of all networks with a name of their own; those of third parties come last."""
    return with_third_parties(NETS, "nets")


def net_settings(name: str) -> "type[NetSettings]":
    """Return the settings class of the network with this name.

    Raises:
        UsageError: no network has this name.
    """
    if name in NETS:
        return cast("type[NetSettings]", class_named("net", name, NETS))
    family, colon, rest = name.partition(":")
    if colon and family in FAMILIES:
        found: Callable[[str], type[NetSettings]] = resolve_name(FAMILIES[family])
        if family == "py":
            _NAMED.add(name.partition("@")[0])
        return found(rest)
    homes = net_homes()
    if name in homes:
        return cast("type[NetSettings]", third_party("net", name, homes[name], _is_settings, "is no NetSettings class"))
    from ddkit.nets.torchvision_net import all_models, torchvision_by_name

    if (of_torchvision := torchvision_by_name(name)) is not None:
        return of_torchvision
    known = nearest(name[:SHOWN], {*homes, *all_models()}, listed_by="ddkit nets ls")
    raise UsageError(f"net '{shortened(name)}' is unknown; {known}")


def _is_settings(found: Any) -> bool:
    from ddkit.nets.net import NetSettings

    return isinstance(found, type) and issubclass(found, NetSettings)
