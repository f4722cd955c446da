"""The real data, the network and the augmentation, which all work on images shares."""

from dataclasses import dataclass, replace

import torch

from ddkit.data import DSA, RealData
from ddkit.nets import FlatNet, NetSettings


@dataclass(frozen=True)
class Task:
    """The real data, the network and the augmentation of one piece of work.

    Experts, methods and the evaluation receive them together. All tensors of the data are on `device`.

    Example:
        >>> real = prepare(load_images("digits"), DataSettings())
        >>> task = Task(real, FlatNet(parse_net("convnet"), real.data.shape, real.data.class_count), DSA(""))
        >>> task.under(parse_net("mlp")).net.settings.name
        'mlp'
    """

    real: RealData
    net: FlatNet
    dsa: DSA

    @property
    def device(self) -> torch.device:
        """The device of the images, on which networks are trained."""
        return self.real.train.images.device

    @property
    def data_bytes(self) -> int:
        """Bytes of the images on the device. The test part is counted as if it were as large as the validation part."""
        real = self.real
        return real.train.images.nbytes + 2 * real.validation.images.nbytes

    def under(self, net: NetSettings) -> "Task":
        """Return the same task with a network of other settings, for the same images and classes."""
        return self.with_net(FlatNet(net, self.real.data.shape, self.real.data.class_count))

    def with_net(self, net: FlatNet) -> "Task":
        """Return the same task with another network."""
        return replace(self, net=net)

    def with_augmentation(self, dsa: DSA) -> "Task":
        """Return the same task with another augmentation."""
        return replace(self, dsa=dsa)
