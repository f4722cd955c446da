"""The outer loop of every method: steps, metrics, checkpoints, resume, and the guard against lost numbers."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import torch

from ddkit.errors import NumericalError
from ddkit.run.checkpoint import checkpoint_iteration, read_checkpoint, write_checkpoint
from ddkit.run.folder import RunFolder
from ddkit.run.progress import Meter

State = TypeVar("State")

COSTLY = 1.0
"""Seconds of writing from which on checkpoints are rarer than asked for: images of ImageNet are gigabytes."""

SHARE = 0.05
"""Of the time, what writing them may then take."""


@runtime_checkable
class Steps(Protocol[State]):
    """What the loop needs of a method; see `ddkit.methods.contract.Method`."""

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
    on_checkpoint: Callable[[int, State], None] = lambda done, state: None,
) -> State:
    """Run a method's iterations in `folder` and return its last state.

    Metrics leave the device only at checkpoints and about twice a second for the meter, so that a fast device is not
    made to wait at every iteration. With `resume`, work goes on from the last checkpoint; on a CPU with the same
    number of threads the final state then equals an uninterrupted run's, bit by bit. `before_writing` is called once,
    when all that the folder holds is read and found good, and nothing is written yet. `on_checkpoint` is called with
    (iterations done, state) before each checkpoint is written, the initial one included. Where writing takes more than
    COSTLY seconds, some are left out, but for the last. `run` tells runs apart whose states do not fit each other.

    Raises:
        DataError: the checkpoint to go on from is damaged, of another run, or has done more than there is to do, or the
            metrics are damaged; the folder is as it was.
        NumericalError: the loss is not finite or exploded. The folder keeps the last good checkpoint.
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
    meter.start("condensing", method.iterations, begin)
    waiting: list[tuple[int, Mapping[str, Any]]] = []
    shown = time.monotonic()

    def look() -> None:
        """Bring the waiting metrics from the device, write them, and stop if a loss is lost."""
        rows = [{"iteration": i, **{name: float(value) for name, value in m.items()}} for i, m in waiting]
        waiting.clear()
        folder.append_metrics(rows)
        _guard(rows, folder, method)
        if rows:
            last = {**rows[-1]}
            meter.advance(int(last.pop("iteration")) + 1, last)

    rest_until = 0.0

    def keep(done: int, state: State) -> None:
        nonlocal rest_until
        _refuse_lost_numbers(state, done, folder, method)
        on_checkpoint(done, state)
        if (start := time.monotonic()) < rest_until and done < method.iterations:
            return
        folder.sync_metrics()
        write_checkpoint(folder.checkpoint, done, state, run)
        if (spent := time.monotonic() - start) > COSTLY:
            rest_until = time.monotonic() + spent / SHARE

    for iteration in range(begin, method.iterations):
        before = state
        state, metrics = method.step(before)
        waiting.append((iteration, metrics))
        due = iteration > begin and iteration % checkpoint_every == 0
        if due or time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            look()
        if due:  # `before` has shown a good loss by now; the state after this step has not
            keep(iteration, before)
    look()
    if begin < method.iterations:
        keep(method.iterations, state)
    meter.finish()
    return state


def _guard(rows: list[dict[str, Any]], folder: RunFolder, method: Steps[Any]) -> None:
    limit = math.inf if method.loss_limit is None else method.loss_limit
    for row in rows:
        loss = row.get("loss", 0.0)
        # A loss above method.threshold has moved nothing. One that is no number is above nothing, and an error.
        skipped = row.get("skipped", 0.0) > 0 and not math.isnan(loss)
        if not (math.isfinite(loss) and loss <= limit) and not skipped:
            raise _failure(f"the loss is {loss:g}", row["iteration"], folder, method)


def _refuse_lost_numbers(state: Any, done: int, folder: RunFolder, method: Steps[Any]) -> None:
    # The last update of all can overflow, and no later loss will tell.
    for field in dataclasses.fields(state):
        value = getattr(state, field.name)
        if dataclasses.is_dataclass(value):
            _refuse_lost_numbers(value, done, folder, method)
        elif isinstance(value, torch.Tensor) and value.is_floating_point() and not bool(value.isfinite().all()):
            raise _failure(f"'{field.name}' is no longer finite", done, folder, method)


def _failure(what: str, iteration: int, folder: RunFolder, method: Steps[Any]) -> NumericalError:
    good = checkpoint_iteration(folder.checkpoint)
    return NumericalError(
        f"outer iteration {iteration}: {what}; {method.blame}. Iteration {good}, the last good one, is kept: "
        f"continue from it with --out {folder.path} --resume --set KEY=VALUE"
    )
