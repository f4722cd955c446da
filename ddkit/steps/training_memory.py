"""An estimate of the memory that training networks needs, for all work that trains some."""

from ddkit.nets import FlatNet

VECTORS = 8
"""Copies of all networks' parameters in training: parameters, momentum, gradients and intermediate results."""

MAPS = 3
"""Copies of a batch's feature maps in training: the maps, their derivatives, and one layer's intermediate results."""

FLOAT32 = 4
"""Bytes of a number."""


def training_memory(net: FlatNet, networks: int, images: int) -> int:
    """Bytes for training `networks` networks at once on batches of `images` images in all, without the data.

    Example:
        >>> from ddkit.nets import FlatNet, parse_net
        >>> net = FlatNet(parse_net("convnet(depth=1, width=8)"), (1, 8, 8), 10)
        >>> training_memory(net, 1, 100) == 4 * (8 * net.parameters + 3 * 100 * net.activations)
        True
    """
    return FLOAT32 * (VECTORS * networks * net.parameters + MAPS * images * net.activations)
