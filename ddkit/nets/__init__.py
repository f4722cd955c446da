"""Image networks of dataset distillation, also as pure functions of one flat parameter vector.

`parse_net` turns a spec such as "convnet(depth=2, width=32)" into a settings object. Its `build` returns an ordinary
module for an image shape and a number of classes. `FlatNet` is the network as a pure function.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.nets.accuracy import accuracy, logits_of
    from ddkit.nets.body import Stats
    from ddkit.nets.convnet import BlockShape, ConvNetSettings, fitting_convnet
    from ddkit.nets.flat import FlatNet, Moments
    from ddkit.nets.loss import cross_entropy
    from ddkit.nets.net import Net, NetSettings
    from ddkit.nets.object_net import OBJECT, spec_of_object
    from ddkit.nets.spec import may_import, net_spec, parse_net, refuse_trained, stored_net
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
    "OBJECT",
    "net_settings",
    "may_import",
    "net_spec",
    "parse_net",
    "refuse_trained",
    "spec_of_object",
    "stored_net",
]
