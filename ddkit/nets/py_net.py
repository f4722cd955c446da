"""Your own network, named by its Python function or class: "py:package.module:factory".

`factory(channels, size, classes)` returns a torch.nn.Module; `size` is (height, width). Its further arguments with a
default that is a bool, an integer, a finite float or a text are settings: "py:nets:small(width=32)". Those of names
that settings have themselves, such as `name` and `build`, keep their defaults.

The canonical name has a digest of the code: "py:nets:small@1a2b3c4d". A buffer of experts, a teacher or a score is
found again only by the same code, and a name with a digest is refused if the code has changed.

Modules are found where Python finds them, and in the working folder. Importing a module runs its code.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from ddkit.errors import UsageError, reason
from ddkit.nets.code_digest import code_digest
from ddkit.nets.foreign import ForeignSettings
from ddkit.recipe import setting

GIVEN = 3
"""Arguments that every factory receives: channels, size, classes."""


class FactorySettings(ForeignSettings):
    """Settings of a network that a Python function or class builds.

    Attributes:
        factory: the function or class.
    """

    factory: ClassVar[Callable[..., Any]]

    def make(self, shape: tuple[int, int, int], classes: int) -> Any:
        channels, height, width = shape
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return type(self).factory(channels, (height, width), classes, **values)

    @property
    def remarks(self) -> tuple[str, ...]:
        made = type(self).factory
        while isinstance(made, partial):
            made = made.func
        made = inspect.unwrap(made)
        known = inspect.isroutine(made) or isinstance(made, type)
        try:
            file = inspect.getsourcefile(made if known else type(made))  # an object that is called has its class's file
        except TypeError:
            file = None
        return (f"its code is {file or 'built in'}",)


RESERVED = {*dir(FactorySettings), "name", "factory"}
"""Names of arguments that are no settings, because settings classes have attributes of these names."""


def py_settings(target: str) -> type[FactorySettings]:
    """Return the settings class of "module:factory" or "module:factory@DIGEST". The module is imported.

    Raises:
        UsageError: the module cannot be imported, has no such function or class, or its code has another digest.
    """
    place, _, pinned = target.partition("@")
    module_name, _, attribute = place.partition(":")
    if not (module_name and attribute):
        raise UsageError(f"net 'py:{target}': must look like py:package.module:factory")
    factory = _imported(module_name, attribute)
    found = factory_class(f"py:{place}", factory)
    digest = found.name.partition("@")[2]
    if pinned not in ("", digest):
        raise UsageError(
            f"net 'py:{target}': the code of module '{module_name}' has changed (its digest is now {digest}); restore "
            f"it, or write py:{place} to use it as it is now"
        )
    return found


def _imported(module_name: str, attribute: str) -> Callable[..., Any]:
    where = f"net 'py:{module_name}:{attribute}'"
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # last, so that no file of the folder hides an installed package
    try:
        found = import_module(module_name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{where}: there is no module '{error.name}'; run the command in its folder, add its folder to "
            "PYTHONPATH, or install it; a set made with it is evaluated on another network by --net"
        ) from None
    except Exception as error:  # the code is not ours: it may raise anything
        raise UsageError(f"{where}: cannot be imported ({type(error).__name__}: {reason(error)})") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{where}: module '{module_name}' has no '{attribute}'; name a function or class of it")
        found = getattr(found, part)
    if not callable(found) or isinstance(found, nn.Module):
        kind = "a network" if isinstance(found, nn.Module) else type(found).__name__
        raise UsageError(f"{where}: is {kind}, not a function or class that builds one from (channels, size, classes)")
    return found


@lru_cache(maxsize=64)
def factory_class(name: str, factory: Callable[..., Any]) -> type[FactorySettings]:
    """Return a settings class whose fields are the factory's arguments. `name` is completed with the code's digest.

    Raises:
        UsageError: the factory cannot be called with (channels, size, classes).
    """
    fields = argument_fields(name, factory)
    module = name.split(":")[1]
    space = {"name": f"{name}@{code_digest(module)}", "factory": staticmethod(factory), "__doc__": factory.__doc__}
    cls = dataclasses.make_dataclass(
        "FactorySettings", fields, bases=(FactorySettings,), namespace=space, frozen=True, repr=False, kw_only=True
    )
    return cls


def argument_fields(name: str, factory: Callable[..., Any]) -> list[tuple[str, type, Any]]:
    """Return the further arguments of a factory as fields of a settings class.

    An argument keeps its default and is no setting if its name is one that settings have themselves, such as `name`,
    or if its default is no finite bool, integer, float or text.

    Raises:
        UsageError: it cannot be called with (channels, size, classes).
    """
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # a function in C has no signature
        return []
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    further = [p for p in parameters if p.kind is p.KEYWORD_ONLY] + positional[GIVEN:]
    anything = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    needed = [p.name for p in further if p.default is p.empty]
    if needed or (len(positional) < GIVEN and not anything):
        wrong = f"also needs '{needed[0]}'" if needed else f"takes {len(positional)} arguments"
        raise UsageError(
            f"net '{name}': is called as factory(channels, size, classes), with size = (height, width), but it {wrong}"
        )
    return [
        (p.name, type(p.default), setting(p.default, help="argument of the factory"))
        for p in further
        if type(p.default) in (bool, int, float, str)
        and not (isinstance(p.default, float) and not math.isfinite(p.default))
        and p.name not in RESERVED
    ]
