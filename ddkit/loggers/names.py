"""The names of loggers, and the classes behind them. This module imports no logger's library."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ddkit.errors import UsageError
from ddkit.loggers.contract import Logger
from ddkit.name_table import class_named, refuse_unknown_name

LOGGERS = {
    "tensorboard": "ddkit.loggers.to_tensorboard:TensorBoardLogger",
    "wandb": "ddkit.loggers.to_wandb:WandbLogger",
    "mlflow": "ddkit.loggers.to_mlflow:MLflowLogger",
}
"""Name -> module and class. The library of a logger, and ddkit's extra for it, have the logger's name."""


def logger_class(name: str) -> Callable[[Path, Mapping[str, Any], str], Logger]:
    """The class of a logger; see `Logger` for its arguments.

    Raises:
        UsageError: there is no such logger, or its library is missing or cannot be imported.
    """
    refuse_unknown_name("log", name, LOGGERS)
    library(name)
    made: Callable[[Path, Mapping[str, Any], str], Logger] = class_named("log", name, LOGGERS)
    return made


def library(name: str) -> Any:
    """The library of a logger.

    Raises:
        UsageError: it is missing or cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise UsageError(f"log '{name}': {name} is not installed; run: pip install 'ddkit[{name}]'") from None
        raise UsageError(f"log '{name}': {name} cannot be imported: {error}; install it again") from error
    except Exception as error:  # a library can raise anything when it is imported
        raise UsageError(f"log '{name}': {name} cannot be imported: {error!r}; install it again") from error
