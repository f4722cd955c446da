"""Names of networks and the modules that define them."""

from typing import TYPE_CHECKING

from ddkit.name_table import class_named

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


def net_settings(name: str) -> "type[NetSettings]":
    """Return the settings class of the network with this name.

    Raises:
        UsageError: no network has this name.
    """
    found: type[NetSettings] = class_named("net", name, NETS)
    return found
