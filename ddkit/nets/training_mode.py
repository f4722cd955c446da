"""The training mode of a foreign module: what ddkit, which trains in evaluation mode, leaves out of it."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ddkit.errors import UsageError, reason
from ddkit.randomness import global_draws_from, stream

QUIET = (nn.MultiheadAttention, nn.TransformerEncoderLayer)
"""Layers whose evaluation mode is another program. They stay in training mode without dropout."""

QUIET_REASON = "because ddkit's networks draw no random numbers"


def remarks_on_training(module: nn.Module, images: Tensor, spec: str) -> tuple[str, ...]:
    """Run a copy in training mode, and return remarks about what differs from evaluation mode.

    Raises:
        UsageError: training changes a buffer that is not batch norm's, or a parameter.
    """
    trained = copy.deepcopy(module).train()
    own = {id(value) for layer in trained.modules() if isinstance(layer, _BatchNorm) for value in layer.buffers()}
    values = {name: value for name, value in trained.named_buffers() if id(value) not in own}
    values |= dict(trained.named_parameters())
    before = {name: value.detach().clone() for name, value in values.items()}
    outputs = [output_of(trained, images.clone(), seed, spec) for seed in range(2)]
    after = dict(trained.named_buffers()) | dict(trained.named_parameters())
    for name, value in before.items():
        if not torch.equal(value, after[name]):
            kind = "buffer" if name in dict(module.named_buffers()) else "parameter"
            raise UsageError(
                f"net {spec}: a call in training mode changes its {kind} '{name}', which ddkit does only for batch "
                "norm; use another layer there"
            )
    if not all(isinstance(output, Tensor) for output in outputs):
        return (f"in training mode it gives {type(outputs[0]).__name__}; ddkit trains on the logits alone",)
    layers = any(_drops(layer) for layer in trained.modules())  # which have a remark of their own
    if layers or torch.equal(*outputs):
        return ()
    return (f"what its code draws at random in training mode, such as dropout, is off, {QUIET_REASON}",)


def quieten(module: nn.Module) -> tuple[str, ...]:
    """Turn all dropout off, and return a remark if there was any."""
    module.eval()
    dropped = [name for name, layer in module.named_modules() if _drops(layer)]
    for layer in module.modules():
        if isinstance(layer, QUIET):
            layer.training = True
            if isinstance(layer, nn.MultiheadAttention):
                layer.dropout = 0.0
    if not dropped:
        return ()
    more = f" and {len(dropped) - 1} more" if len(dropped) > 1 else ""
    return (f"its dropout ('{dropped[0]}'{more}) is off, {QUIET_REASON}",)


def _drops(layer: nn.Module) -> bool:
    """Whether a layer is dropout or stochastic depth, and its rate is above 0."""
    rates = (getattr(layer, key, None) for key in ("p", "drop_prob", "dropout"))
    known = "drop" in type(layer).__name__.lower() or "stochastic" in type(layer).__name__.lower()
    return (known or isinstance(layer, QUIET)) and any(isinstance(rate, float) and rate > 0 for rate in rates)


def output_of(module: nn.Module, images: Tensor, seed: int, spec: str) -> Any:
    """Return what a module gives for images. Its draws depend on the seed only.

    Raises:
        UsageError: it fails.
    """
    try:
        with torch.no_grad(), global_draws_from(stream(seed, "examine")):
            return module(images)
    except Exception as error:  # the code is not ours: it may raise anything
        raise UsageError(
            f"net {spec}: fails on images of shape {tuple(images.shape[1:])} ({type(error).__name__}: {reason(error)})"
        ) from error
