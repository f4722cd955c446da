"""The step of any network by ordinary autograd, reverse over reverse."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ddkit.nets import cross_entropy
from ddkit.steps.step import Gradient, Network, Product, one_by_one


@dataclass(frozen=True)
class AutogradStep:
    """See `ddkit.steps.Step`. A tape is the gradient with its graph. The network runs in the dtype `maps`.

    With `once`, a gradient without a tape is computed without a graph.
    """

    fused: ClassVar[bool] = False

    net: Network
    maps: torch.dtype
    once: bool = False

    def logits(self, theta: Tensor, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.net(theta.to(self.maps), x.to(self.maps)).to(theta.dtype)

    def gradient(self, theta: Tensor, x: Tensor, y: Tensor, keep: bool = False) -> Gradient:
        held: dict[int, int] = {}

        def count(saved: Tensor) -> Tensor:
            held[saved.untyped_storage().data_ptr()] = saved.untyped_storage().nbytes()
            return saved

        with torch.enable_grad():
            at = theta.detach().requires_grad_()
            images = x.detach().requires_grad_(keep)
            labels = y.detach().requires_grad_(keep and y.is_floating_point())
            with torch.autograd.graph.saved_tensors_hooks(count, lambda saved: saved) if keep else nullcontext():
                logits = self.net(at.to(self.maps), images.to(self.maps)).to(theta.dtype)
                loss = cross_entropy(logits, labels)
                # Also without a tape: without a graph, group norm's backward is another program with other rounding,
                # and the bits of a run would depend on how many tapes fit into the free memory.
                (g,) = torch.autograd.grad(loss, at, create_graph=keep or not self.once)
        tape = (g, at, images, labels) if keep else None
        return Gradient(loss.detach(), g.detach(), tape, sum(held.values()))

    def gradients(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return one_by_one(self, theta, x, y)

    def product(self, theta: Tensor, x: Tensor, y: Tensor, a: Tensor, tape: Any = None) -> Product:
        g, *inputs = tape or self.gradient(theta, x, y, keep=True).tape
        wanted = [t for t in inputs if t.requires_grad]
        along = torch.autograd.grad(g, wanted, a, allow_unused=True, materialize_grads=True)
        return Product(along[0], along[1], along[2] if len(along) == 3 else None)

    def slope(self, theta: Tensor, x: Tensor) -> tuple[Tensor, Any]:
        with torch.enable_grad():
            at, images = theta.detach().requires_grad_(), x.detach().requires_grad_()
            total = self.net(at.to(self.maps), images.to(self.maps)).to(theta.dtype).sum()
            (slope,) = torch.autograd.grad(total, images, create_graph=True)
        return slope.detach(), (at, slope)

    def slope_product(self, theta: Tensor, v: Tensor, tape: Any) -> Tensor:
        at, slope = tape
        along: Tensor
        (along,) = torch.autograd.grad(slope, at, v, allow_unused=True, materialize_grads=True)
        return along
