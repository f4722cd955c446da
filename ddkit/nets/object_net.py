"""A network that exists only in this process: a module, or a function that no other process can import.

Its spec, such as "object:Small-1a2b3c4d", is known to this process and to its forked children.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, ClassVar

from torch import nn

from ddkit.errors import UsageError
from ddkit.nets.foreign import ForeignSettings
from ddkit.nets.py_net import FactorySettings, argument_fields

OBJECT = "object:"
"""Prefix of the specs of these networks."""

RESETS = ("reset_parameters", "_reset_parameters")
"""Methods of PyTorch's layers that draw the layer's own parameters again."""

_KNOWN: dict[str, type[ForeignSettings]] = {}
"""Name after the prefix -> settings class."""


class ModuleSettings(ForeignSettings):
    """A copy of one module. Each of its layers draws its parameters again."""

    module: ClassVar[nn.Module]

    def make(self, shape: tuple[int, int, int], classes: int) -> nn.Module:
        made = copy.deepcopy(type(self).module).cpu()
        for layer in made.modules():
            if (reset := _reset(layer)) is not None:
                reset()
        return made


def spec_of_object(net: Callable[..., Any]) -> str:
    """Return a spec for a module, or for a function or class that builds one from (channels, size, classes).

    It is "py:module:factory" if other processes can import the factory by that name.

    Raises:
        UsageError: the function takes other arguments; or a module has parameters that cannot be drawn again.
    """
    module, name = getattr(net, "__module__", None), getattr(net, "__qualname__", "")
    if module != "__main__" and _imported(f"{module}:{name}") is net:
        return f"py:{module}:{name}"
    base = (name or type(net).__name__).rpartition(".")[2].strip("<>")
    key = f"{base}-{secrets.token_hex(4)}"
    if isinstance(net, nn.Module):
        _refuse_fixed_parameters(net, base)
        cls: type[ForeignSettings] = type("Module", (ModuleSettings,), {"name": OBJECT + key, "module": net})
    else:
        argument_fields(base, net)  # checks them; they keep their defaults
        cls = type("Factory", (FactorySettings,), {"name": OBJECT + key, "factory": staticmethod(net)})
    _KNOWN[key] = cls
    return cls.name


def object_settings(key: str) -> type[ForeignSettings]:
    """Return the settings class of an object of this process.

    Raises:
        UsageError: this process has none of that name.
    """
    if key not in _KNOWN:
        raise UsageError(
            f"net '{OBJECT}{key}': exists only in the process that made it; for other processes, put its function "
            "into a module and name it as py:module:function"
        )
    return _KNOWN[key]


def _imported(where: str) -> Any:
    try:
        return resolve_name(where)
    except (ValueError, ImportError, AttributeError):
        return None


def _reset(layer: nn.Module) -> Callable[[], None] | None:
    return next((getattr(layer, name) for name in RESETS if hasattr(layer, name)), None)


def _refuse_fixed_parameters(net: nn.Module, base: str) -> None:
    for name, layer in net.named_modules():
        own = [key for key, parameter in layer.named_parameters(recurse=False) if parameter.requires_grad]
        if own and _reset(layer) is None:
            raise UsageError(
                f"net '{base}': parameter '{'.'.join(filter(None, (name, own[0])))}' belongs to no layer with "
                "`reset_parameters`, so it cannot be drawn again; pass a function that builds the network"
            )
