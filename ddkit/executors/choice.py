"""Choose the executor: by name, by `$DDKIT_HOME/config.toml`, or the one in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.executors.contract import Executor
from ddkit.executors.local import LocalExecutor
from ddkit.executors.names import NAMES
from ddkit.files import read_text
from ddkit.home import home
from ddkit.toml import MOST_CHARACTERS, read_toml, shown

HERE = LocalExecutor(workers=1)
"""The executor that runs one unit after another in this process."""

JOBS_IN_ARRAY = "jobs_in_array"
"""The key of [slurm] for the most jobs of one array."""

_IN_USE: ContextVar[Executor] = ContextVar("executor")


def executor_in_use() -> Executor:
    """The executor that runs units of work here: that of the innermost `executor` block, else a LocalExecutor."""
    return _IN_USE.get(LocalExecutor())


@checked  # when the block is made, so that a wrong argument is refused there
@contextmanager
def executor(name: str | None = None, workers: int | None = None) -> Iterator[Executor]:
    """A block in which experts, sets and rows of tables are made by this executor.

    Args:
        name: "local" (this machine), "ray" (a Ray cluster on this machine), "ray:HOST:PORT" (a cluster that
            `ray start --head` began) or "slurm"; None: [executor] of `$DDKIT_HOME/config.toml`, else "local".
        workers: the most units at once; None: the file's, else as many as there is room for.

    Raises:
        UsageError: an argument of a wrong type, an unknown name, workers < 1, or the executor cannot be reached.
        DataError: the file cannot be read.

    Example:
        >>> with ddkit.executor("ray:10.0.0.1:6379"):
        ...     ddkit.compare(["ftd-digits", "mtt-digits"], sets=3)
    """
    choice = _configured()
    if name is not None:
        choice = replace(choice, name=name)
    if workers is not None:
        choice = replace(choice, workers=workers)
    with in_use(_made(choice)) as chosen:
        yield chosen


@contextmanager
def in_use(chosen: Executor) -> Iterator[Executor]:
    """A block in which this executor runs units of work."""
    token = _IN_USE.set(chosen)
    try:
        yield chosen
    finally:
        _IN_USE.reset(token)


@dataclass(frozen=True)
class _Choice:
    """What the user's file says.

    Attributes:
        name, workers: as in `executor`.
        slurm: parameters of Slurm jobs, in submitit's names, and `jobs_in_array`.
    """

    name: str = "local"
    workers: int | None = None
    slurm: dict[str, Any] = field(default_factory=dict)


def _configured() -> _Choice:
    """[executor] and [slurm] of the user's file.

    Raises:
        UsageError: the file is not TOML, exceeds a limit, or has an unknown key or a wrong value.
        DataError: it cannot be read.
    """
    file = home() / "config.toml"
    if not file.exists():
        return _Choice()
    content = read_toml(read_text(file, "settings of executors", MOST_CHARACTERS), f"file '{file}'")
    section, slurm = content.pop("executor", {}), content.pop("slurm", {})
    if content:
        raise UsageError(f"file '{file}': has an unknown key '{next(iter(content))}'; it may have executor and slurm")
    if not (isinstance(section, dict) and isinstance(slurm, dict)):
        raise UsageError(f"file '{file}': executor and slurm must be tables: [executor], [slurm]")
    if unknown := section.keys() - {"name", "workers"}:
        raise UsageError(f"file '{file}': [executor] has an unknown key '{min(unknown)}'; it may have name and workers")
    name, workers = section.get("name", "local"), section.get("workers")
    if not isinstance(name, str) or not (workers is None or (type(workers) is int and workers >= 1)):
        raise UsageError(f"file '{file}': [executor] name must be a text, and workers an integer of at least 1")
    return _Choice(name, workers, slurm)


def _made(choice: _Choice) -> Executor:
    name, workers = choice.name, choice.workers
    if workers is not None and workers < 1:
        raise UsageError(f"workers: must be at least 1, got {workers}")
    kind, _, address = name.partition(":")
    if name == "local":
        return LocalExecutor(workers)
    if name == "slurm":
        from ddkit.executors.on_slurm import ARRAY, SlurmExecutor  # submitit is optional

        parameters = dict(choice.slurm)
        array = parameters.pop(JOBS_IN_ARRAY, ARRAY)
        if type(array) is not int or array < 1:
            raise UsageError(f"[slurm] {JOBS_IN_ARRAY}: must be an integer of at least 1, got {shown(array)}")
        return SlurmExecutor(workers, parameters, array)
    if kind == "ray" and (address or name == "ray"):
        from ddkit.executors.on_ray import RayExecutor  # Ray is optional and slow to import

        return RayExecutor(address, workers)
    raise UsageError(f"executor {shown(name)}: is unknown; choose {', '.join(NAMES)}")
