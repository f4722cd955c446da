"""Lazy packages: public names are imported on first use, so that a command imports only the modules it needs."""

import builtins
import importlib
import sys
import threading
from types import ModuleType, SimpleNamespace
from typing import Any

_ONE_AT_A_TIME = threading.RLock()


class LazyPackage(ModuleType):
    """A package whose public names are imported on first use (as in PEP 562).

    A public name has priority over a submodule of the same name: `ddkit.jobs.compare` is always the function.
    """

    _homes: dict[str, str]
    """Public name -> module that defines it."""

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")
        value = self.__dict__[name] = getattr(importlib.import_module(self._homes[name]), name)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Python's import sets each submodule as an attribute of its package.
        if not (isinstance(value, ModuleType) and name in self._homes):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *self._homes})


class lazily:
    """A block in a package's `__init__`. Its imports are recorded, and done on first use.

    Type checkers, editors and `tests/test_architecture.py` see ordinary imports. Inside the block, Python's
    `__import__` is replaced for this package; imports by other modules work as usual.

    Example:
        >>> with lazily(__name__):  # doctest: +SKIP
        ...     from ddkit.data.split import split_validation
    """

    def __init__(self, package: str) -> None:
        self._package = sys.modules[package]
        self._homes: dict[str, str] = {}

    def __enter__(self) -> None:
        _ONE_AT_A_TIME.acquire()
        self._import = builtins.__import__
        builtins.__import__ = self._note

    def __exit__(self, *_: object) -> None:
        builtins.__import__ = self._import
        _ONE_AT_A_TIME.release()
        for name in self._homes:
            self._package.__dict__.pop(name, None)
        self._package.__dict__["_homes"] = self._homes
        self._package.__class__ = LazyPackage

    def _note(
        self,
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        if globals is not self._package.__dict__:
            return self._import(name, globals, locals, fromlist, level)
        self._homes |= dict.fromkeys(fromlist, name)
        return SimpleNamespace(**dict.fromkeys(fromlist))
