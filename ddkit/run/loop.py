"""The outer loop of iterative methods: steps, metrics, checkpoints, resume, and the check for numerical errors."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import torch

from ddkit.errors import NumericalError
from ddkit.run.checkpoint import checkpoint_iteration, read_checkpoint, write_checkpoint
from ddkit.run.folder import RunFolder
from ddkit.run.one_ahead import OneAhead
from ddkit.run.progress import Meter

State = TypeVar("State")

SLOW_WRITE = 1.0
"""Seconds. If writing a checkpoint takes longer, checkpoints become rarer than `checkpoint_every`."""

SHARE = 0.05
"""The share of time that writing checkpoints may then have."""


@runtime_checkable
class Steps(Protocol[State]):
    """The part of an iterative method that the loop uses; see `ddkit.methods.contract.IterativeMethod`."""

    state_class: ClassVar[type]
    loss_limit: ClassVar[float | None]
    blame: ClassVar[str]

    @property
    def iterations(self) -> int: ...

    def init(self) -> State: ...

    def step(self, state: State) -> tuple[State, Mapping[str, torch.Tensor | float]]: ...


def drive(
    method: Steps[State],
    folder: RunFolder,
    meter: Meter,
    *,
    resume: bool = False,
    run: str = "",
    device: torch.device | str = "cpu",
    checkpoint_every: int = 100,
    before_writing: Callable[[], None] = lambda: None,
    before_steps: Callable[[int, State], None] = lambda done, state: None,
    on_metrics: Callable[[int, Mapping[str, float]], None] = lambda iteration, metrics: None,
    on_checkpoint: Callable[[int, State], None] = lambda done, state: None,
) -> State:
    """Run a method's iterations in `folder` and return its last state.

    Metrics are copied from the device only at checkpoints and about twice a second for the meter, so that a fast device
    need not wait at every iteration. This program is one iteration ahead of it (`OneAhead`). If writing a checkpoint
    takes more than SLOW_WRITE seconds, some checkpoints are left out, but never the last.

    Args:
        resume: continue from the last checkpoint. On a CPU with the same number of threads, the final state equals that
            of an uninterrupted run, bit by bit.
        run: a text that identifies runs whose states are compatible.
        before_writing: called once, after the content of the folder was read and checked, before anything is written.
        before_steps: called once with (iterations done, state), before the first step of this call.
        on_metrics: called with (iteration, metrics) for each iteration, when its metrics are written.
        on_checkpoint: called with (iterations done, state) before each checkpoint, including the initial one.

    Raises:
        DataError: the checkpoint is damaged, belongs to another run, or has more iterations than the method; or the
            metrics are damaged. The folder is unchanged.
        NumericalError: the loss is not finite or too large. The folder keeps the last good checkpoint.
    """
    begin, state = 0, None
    if resume and folder.checkpoint.exists():
        begin, state = read_checkpoint(
            folder.checkpoint, method.state_class, device, run=run, iterations=method.iterations
        )
    rows_before = folder.read_metrics(before=begin) if begin else []
    if state is None:
        state = method.init()
        before_writing()
        on_checkpoint(0, state)
        write_checkpoint(folder.checkpoint, 0, state, run)
    else:
        before_writing()
    folder.keep_metrics(rows_before, begin)
    before_steps(begin, state)
    meter.start("condensing", method.iterations, begin)
    pending: list[tuple[int, Mapping[str, Any]]] = []
    shown = time.monotonic()

    def write_metrics() -> None:
        """Copy the pending metrics from the device, write them, and stop if a loss is not finite or too large."""
        rows = [{"iteration": i, **{name: float(value) for name, value in m.items()}} for i, m in pending]
        pending.clear()
        folder.append_metrics(rows)
        for row in rows:
            on_metrics(int(row["iteration"]), {name: value for name, value in row.items() if name != "iteration"})
        _refuse_bad_losses(rows, folder, method)
        if rows:
            last = {**rows[-1]}
            meter.advance(int(last.pop("iteration")) + 1, last)

    rest_until = 0.0

    def keep(done: int, state: State) -> None:
        nonlocal rest_until
        _refuse_not_finite(state, done, folder, method)
        on_checkpoint(done, state)
        if (start := time.monotonic()) < rest_until and done < method.iterations:
            return
        folder.sync_metrics()
        write_checkpoint(folder.checkpoint, done, state, run)
        if (spent := time.monotonic() - start) > SLOW_WRITE:
            rest_until = time.monotonic() + spent / SHARE

    ahead = OneAhead(device)
    for iteration in range(begin, method.iterations):
        before = state
        state, metrics = method.step(before)
        ahead.queued()
        pending.append((iteration, metrics))
        due = iteration > begin and iteration % checkpoint_every == 0
        if due or time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            write_metrics()
        if due:  # the loss of `before` is known and good; that of the new state is not known yet
            keep(iteration, before)
    write_metrics()
    if begin < method.iterations:
        keep(method.iterations, state)
    meter.finish()
    return state


def _refuse_bad_losses(rows: list[dict[str, Any]], folder: RunFolder, method: Steps[Any]) -> None:
    limit = math.inf if method.loss_limit is None else method.loss_limit
    for row in rows:
        loss = row.get("loss", 0.0)
        # A loss above method.threshold changed nothing, so it is no error. NaN is always an error.
        skipped = row.get("skipped", 0.0) > 0 and not math.isnan(loss)
        if not (math.isfinite(loss) and loss <= limit) and not skipped:
            raise _failure(f"the loss is {loss:g}", row["iteration"], folder, method)


def _refuse_not_finite(state: Any, done: int, folder: RunFolder, method: Steps[Any]) -> None:
    # The last update can overflow, and no later loss would show it.
    for field in dataclasses.fields(state):
        value = getattr(state, field.name)
        if dataclasses.is_dataclass(value):
            _refuse_not_finite(value, done, folder, method)
        elif isinstance(value, torch.Tensor) and value.is_floating_point() and not bool(value.isfinite().all()):
            raise _failure(f"'{field.name}' is no longer finite", done, folder, method)


def _failure(what: str, iteration: int, folder: RunFolder, method: Steps[Any]) -> NumericalError:
    good = checkpoint_iteration(folder.checkpoint)
    return NumericalError(
        f"outer iteration {iteration}: {what}; {method.blame}. Iteration {good}, the last good one, is kept: "
        f"continue from it with --out {folder.path} --resume --set KEY=VALUE"
    )
