"""torchvision's networks as they are: our flat vector against their own module."""

import pytest
import torch
from torchvision.models import get_model

from ddkit.nets import FlatNet, parse_net
from ddkit.nets.torchvision_net import MODELS
from ddkit.randomness import stream


@pytest.mark.parametrize("model", MODELS)
def test_with_its_weights_it_says_what_torchvisions_own_module_says(model: str) -> None:
    with torch.random.fork_rng():
        theirs = get_model(model, weights=None, num_classes=7).double().eval()
    draw = stream(0, "statistics")
    for name, value in theirs.named_buffers():  # others than those of a fresh network
        if name.endswith(("running_mean", "running_var")):
            value.copy_(torch.rand(value.shape, generator=draw) + 0.5)
    net = FlatNet(parse_net(f"torchvision(model={model})"), (3, 64, 64), 7)
    theta = torch.cat([parameter.detach().flatten() for parameter in theirs.parameters()])
    buffers = [value for name, value in theirs.named_buffers() if name.endswith(("running_mean", "running_var"))]
    stats = dict(zip(net.init_stats(theta), buffers, strict=True))
    images = torch.randn(2, 3, 64, 64, generator=draw).double()
    torch.testing.assert_close(net(theta, images, stats), theirs(images), rtol=1e-12, atol=1e-12)
