"""One copy of a network's modules, which runs with the parameters and statistics of a call."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

from ddkit.nets.net import Net

Stats = dict[str, Tensor]
"""Name of a running statistic -> its values."""


def batch_norms(module: nn.Module) -> dict[str, _BatchNorm]:
    """Return name -> layer of the batch norms with running statistics."""
    return {n: m for n, m in module.named_modules() if isinstance(m, _BatchNorm) and m.track_running_stats}


class Body:
    """One copy of a network's modules. Between calls it has no parameters."""

    def __init__(self, blueprint: Net) -> None:
        self._module = copy.deepcopy(blueprint)
        # The slots that a call fills, and their content between calls. torch.func.functional_call does the same but
        # searches for the slots at each call, which costs a third more time on small networks.
        number = {parameter: i for i, parameter in enumerate(self._module.parameters())}
        self._slots: list[tuple[dict[str, Any], str, nn.Parameter, int]] = [
            (module._parameters, key, parameter, number[parameter])  # tied weights have one number and several slots
            for module in self._module.modules()
            for key, parameter in module.named_parameters(recurse=False, remove_duplicate=False)
        ]
        self._batch_norms = batch_norms(self._module)
        self._momenta = {name: module.momentum for name, module in self._batch_norms.items()}
        for module in self._batch_norms.values():
            module.running_mean = module.running_var = module.num_batches_tracked = None
        self._constants = [
            (module._buffers, key, value)
            for module in self._module.modules()
            for key, value in module.named_buffers(recurse=False, remove_duplicate=False)
        ]
        self._constants_like: tuple[torch.device, torch.dtype] | None = None

    def run(
        self,
        parameters: list[Tensor],
        x: Tensor,
        stats: Stats | None,
        features: bool,
        training: bool,
        share: float | None,
        look: Callable[[str, Tensor], None] | None,
    ) -> Tensor:
        """See `FlatNet._run`."""
        for place, key, _, number in self._slots:
            place[key] = parameters[number]
        self._move_constants(x)
        self._module.training = training
        for name, module in self._batch_norms.items():
            module.training, module.momentum = training, self._momenta[name] if share is None else share
            if stats is not None:
                module.running_mean = stats[f"{name}.running_mean"]
                module.running_var = stats[f"{name}.running_var"]
        handles = [] if look is None else [self._watch(*named, look) for named in self._batch_norms.items()]
        try:
            return self._module.features(x) if features else self._module(x)
        finally:
            for handle in handles:
                handle.remove()

    def _move_constants(self, x: Tensor) -> None:
        """Put the buffers of foreign networks on the device of `x`, and in its dtype."""
        if self._constants and self._constants_like != (x.device, x.dtype):
            for place, key, value in self._constants:
                place[key] = value.to(device=x.device, dtype=x.dtype if value.is_floating_point() else None)
            self._constants_like = (x.device, x.dtype)

    @staticmethod
    def _watch(name: str, module: nn.Module, look: Callable[[str, Tensor], None]) -> RemovableHandle:
        return module.register_forward_pre_hook(lambda _, inputs: look(name, inputs[0]))

    def empty(self) -> None:
        """Drop all references to the last call's tensors."""
        for place, key, empty, _ in self._slots:
            place[key] = empty
        for module in self._batch_norms.values():
            module.running_mean = module.running_var = None
