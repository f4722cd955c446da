"""Chooses between compiled formulas and Triton kernels on CUDA by a measurement.

The choice changes only rounding. It is made in the warm-up before a capture, so that no graph contains a measurement.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from ddkit.steps.blocks import Blocks
from ddkit.steps.formulas import capturing
from ddkit.steps.slower import warn_slower

REPEATS = 20
"""Calls of a measurement."""

WAIT = 20_000_000
"""Clock cycles, about ten milliseconds, in which the device waits while these calls are queued. Otherwise the time to
launch kernels would be measured, of which a replayed graph has none."""

TOLERANCE = 0.02
"""Largest relative difference between the results of both. bfloat16 explains 0.004 of it. A few pixels at the edge of
ReLU explain more, because rounding decides there."""


@final
class MeasuredBlocks:
    """For each function and each kind of map the faster one of two implementations, with the interface of both.

    The first call of a kind runs both, compares their results and measures them. If `kernels` fail or compute something
    else, there is one warning, and `formulas` are used from then on. During a capture, a kind that was not measured
    uses `formulas`.
    """

    def __init__(self, formulas: Blocks, kernels: Blocks, fits: Callable[[Tensor], bool]) -> None:
        """`fits` says whether the kernels can compute maps like a given one."""
        self._formulas, self._kernels, self._fits = formulas, kernels, fits
        self._chosen: dict[Any, Callable[..., Any]] = {}
        self._failed = False
        self.forward, self.backward, self.forward_tangent, self.backward_tangent = (
            partial(self._run, name) for name in ("forward", "backward", "forward_tangent", "backward_tangent")
        )

    def stacked(self, networks: int) -> None:
        return None

    def _run(self, name: str, z: Tensor, *rest: Any) -> Any:
        kind = (name, z.shape, z.dtype, z.device)
        if kind not in self._chosen:
            formula = getattr(self._formulas, name)
            if capturing(z):
                return formula(z, *rest)
            kernel = getattr(self._kernels, name)
            faster = not self._failed and self._fits(z) and self._is_faster(kernel, formula, (z, *rest))
            self._chosen[kind] = kernel if faster else formula
        return self._chosen[kind](z, *rest)

    def _is_faster(self, kernel: Callable[..., Any], formula: Callable[..., Any], given: tuple[Any, ...]) -> bool:
        expected = formula(*given)
        try:
            if not _agree(kernel(*given), expected):
                raise ArithmeticError("it computes other numbers than the formulas")
            with torch.cuda.device_of(given[0]):
                return device_seconds(lambda: kernel(*given)) < device_seconds(lambda: formula(*given))
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # for any error of Triton there are the formulas
            self._failed = True
            warn_slower("a Triton kernel failed", str(error) or type(error).__name__, "compiled formulas run instead")
            return False


def _agree(found: Any, expected: Any) -> bool:
    if isinstance(expected, tuple):
        return all(_agree(mine, other) for mine, other in zip(found, expected, strict=True))
    difference = (found.double() - expected.double()).norm()
    # Results that are not finite cannot be compared. They count as equal: the run's own check of its loss ends the run.
    return bool(difference <= TOLERANCE * expected.double().norm()) or not bool(expected.isfinite().all())


def device_seconds(work: Callable[[], Any]) -> float:
    """Return the seconds that the current CUDA device needs for one call of `work`, without its launch."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda._sleep(WAIT)
    begin.record()
    for _ in range(REPEATS):
        work()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) / 1e3 / REPEATS
