"""Examines a foreign module on two images: what ddkit needs to know of it, and what ddkit cannot train."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from ddkit.errors import UsageError, reason
from ddkit.nets.attention import CountsAttention
from ddkit.nets.training_mode import output_of, quieten, remarks_on_training
from ddkit.randomness import stream


@dataclass(frozen=True)
class Findings:
    """Facts of a foreign module.

    Attributes:
        head: the name of the linear layer that gives the logits; None if there is none.
        scales: whether the logits are proportional to the parameters of that layer, as temperatures need.
        writes: whether it changes the images that it receives, as a first layer in place does.
        attends: whether it calls PyTorch's fused attention.
        activations: how many numbers its layers put out for one image.
        remarks: what the user should know, one sentence each.
    """

    head: str | None
    scales: bool
    writes: bool
    attends: bool
    activations: int
    remarks: tuple[str, ...]


def examine(
    make: Callable[[torch.Generator], Any], shape: tuple[int, int, int], classes: int, spec: str
) -> tuple[nn.Module, Findings]:
    """Build a module twice, run it on two images, and return it with the findings.

    Dropout is off in the returned module, and parameters that need no gradient are buffers.

    Args:
        make: builds the module; its draws depend on the generator only.
        shape: of the images (channels, height, width).
        classes: number of logits.
        spec: of the network, for error lines.

    Raises:
        UsageError: the module fails, is none, gives something other than logits, or has a part that ddkit cannot train.
            The line names the part.
    """
    module, other = (_made(make, seed, shape, classes, spec) for seed in range(2))
    _refuse_parts(module, spec)
    _freeze(module)
    _freeze(other)
    _refuse_random_constants(module, other, spec)
    images = torch.randn(2, *shape, generator=stream(0, "examine"))
    trained = remarks_on_training(module, images, spec)
    remarks = (*quieten(module), *trained)
    quieten(other)
    linear, sizes = {}, []

    def look(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                sizes.append(output.numel())
                if isinstance(layer, nn.Linear):
                    linear[name] = output

        return hook

    leaves = [(name, layer) for name, layer in module.named_modules() if not list(layer.children())]
    handles = [layer.register_forward_hook(look(name)) for name, layer in leaves]
    given = images.clone()
    with CountsAttention() as attention:
        logits = output_of(module, given, 0, spec)
    for handle in handles:
        handle.remove()
    if not _are_logits(logits, classes):
        found = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise UsageError(f"net {spec}: must give logits of shape (2, {classes}) for 2 images, got {found}")
    if not torch.equal(logits, output_of(module, images.clone(), 1, spec)):
        raise UsageError(
            f"net {spec}: gives other logits at each call, though its dropout layers are off; draw random numbers in "
            "layers such as torch.nn.Dropout, which ddkit can turn off"
        )
    _refuse_hidden_constants(module, other, images, logits, spec)
    heads = [name for name, output in linear.items() if output is logits]
    head = heads[0] if heads and not _shares(module, heads[0]) else None
    findings = Findings(
        head=head,
        scales=head is not None and _scales(module, head, images, logits, spec),
        writes=given._version > 0,  # counts what changes it in place, also through a view
        attends=attention.calls > 0,
        activations=sum(sizes) // 2,
        remarks=remarks,
    )
    return module, findings


def _made(
    make: Callable[[torch.Generator], Any], seed: int, shape: tuple[int, int, int], classes: int, spec: str
) -> nn.Module:
    try:
        module = make(stream(seed, "examine"))
        if isinstance(module, nn.Module):
            return copy.deepcopy(module)  # as each thread later needs one
    except UsageError:
        raise
    except Exception as error:  # the code is not ours: it may raise anything
        raise UsageError(
            f"net {spec}: cannot be built for images of shape {shape} and {classes} classes "
            f"({type(error).__name__}: {reason(error)})"
        ) from error
    raise UsageError(f"net {spec}: must be built as a torch.nn.Module, got {type(module).__name__}")


def _refuse_parts(module: nn.Module, spec: str) -> None:
    """Raise UsageError for layers and parameters that ddkit cannot train as one vector of float32 numbers."""
    for name, layer in module.named_modules():
        part = f"net {spec}: its layer '{name}' ({type(layer).__name__})"
        if isinstance(layer, nn.RNNBase):
            raise UsageError(f"{part} holds its weights twice, which ddkit cannot train; use other layers")
        if isinstance(layer, _BatchNorm) and layer.track_running_stats and layer.momentum is None:
            raise UsageError(f"{part} has momentum=None, an average over all batches; give it a momentum, such as 0.1")
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if isinstance(value, UninitializedParameter | UninitializedBuffer):
            raise UsageError(f"net {spec}: '{name}' has no size yet; use layers that are not lazy")
    for name, parameter in module.named_parameters():
        if parameter.dtype != torch.float32:
            raise UsageError(f"net {spec}: parameter '{name}' is {parameter.dtype}; build the network in float32")
        if parameter.device.type != "cpu":
            raise UsageError(f"net {spec}: parameter '{name}' is on {parameter.device}; build the network on the CPU")
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise UsageError(f"net {spec}: has no parameter that can be trained")


def _freeze(module: nn.Module) -> None:
    """Turn parameters that need no gradient into buffers."""
    for layer in module.modules():
        for key, parameter in list(layer.named_parameters(recurse=False, remove_duplicate=False)):
            if not parameter.requires_grad:
                del layer._parameters[key]
                layer.register_buffer(key, parameter.detach())


def _refuse_random_constants(one: nn.Module, other: nn.Module, spec: str) -> None:
    """Raise UsageError if a constant differs between two networks, because all networks would share it."""
    others = dict(other.named_buffers())
    for name, value in one.named_buffers():
        if name not in others or not torch.equal(value, others[name]):
            raise UsageError(
                f"net {spec}: '{name}' is drawn at random but not trained; let it need a gradient, or draw it from a "
                "seed of its own"
            )


def _refuse_hidden_constants(module: nn.Module, other: nn.Module, images: Tensor, logits: Tensor, spec: str) -> None:
    """Raise UsageError if two networks with equal parameters and buffers differ, because all would share one's."""
    values = dict(other.named_parameters())
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name not in values or values[name].shape != parameter.shape:
                raise UsageError(
                    f"net {spec}: its parameter '{name}' differs in size or name between two networks; build the same "
                    "network always"
                )
            values[name].copy_(parameter)
    if not torch.equal(logits, output_of(other, images.clone(), 0, spec)):
        raise UsageError(
            f"net {spec}: draws constants at random that are no parameters; make them parameters that need a gradient, "
            "or draw them from a seed of their own"
        )


def _scales(module: nn.Module, head: str, images: Tensor, logits: Tensor, spec: str) -> bool:
    """Whether half of the head's parameters give half of the logits."""
    parameters = list(module.get_submodule(head).parameters())
    with torch.no_grad():
        for parameter in parameters:
            parameter.mul_(0.5)
        half = output_of(module, images.clone(), 0, spec)
        for parameter in parameters:
            parameter.mul_(2)
    return torch.allclose(half, logits / 2, rtol=1e-4, atol=1e-6)


def _are_logits(found: Any, classes: int) -> bool:
    return isinstance(found, Tensor) and tuple(found.shape) == (2, classes)


def _shares(module: nn.Module, head: str) -> bool:
    """Whether the layer shares a parameter with another one."""
    own = {id(parameter) for parameter in module.get_submodule(head).parameters()}
    places = [id(p) for _, p in module.named_parameters(remove_duplicate=False) if id(p) in own]
    return len(places) > len(own)
