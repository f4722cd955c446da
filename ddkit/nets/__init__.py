"""The field's image networks, and each of them as a pure function of one flat parameter vector.

In: a spec such as "convnet(depth=2, width=32)", an image shape and a number of classes.
Out: a settings object (`parse_net`), whose `build` gives an ordinary module, or a `FlatNet`.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.nets.accuracy import accuracy, logits_of
    from ddkit.nets.convnet import BlockShape, ConvNetSettings, fitting_convnet
    from ddkit.nets.flat import FlatNet, Moments, Stats
    from ddkit.nets.loss import cross_entropy
    from ddkit.nets.net import Net, NetSettings
    from ddkit.nets.spec import net_spec, parse_net
    from ddkit.nets.table import NETS, net_settings

__all__ = [
    "accuracy",
    "logits_of",
    "cross_entropy",
    "BlockShape",
    "ConvNetSettings",
    "fitting_convnet",
    "FlatNet",
    "Moments",
    "Stats",
    "Net",
    "NetSettings",
    "NETS",
    "net_settings",
    "net_spec",
    "parse_net",
]
