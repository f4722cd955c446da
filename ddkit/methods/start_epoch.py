"""The start epoch of a student on its expert's trajectory: a window of epochs, which may grow (DATM).

MTT draws s uniformly from 0 .. max_start_epoch - 1. DATM (Guo et al., ICLR 2024) fits the difficulty of the matched
epochs to the size of the set: the window begins at min_start_epoch, which is later for larger sets. If
current_max_start_epoch is set, the window's upper end grows, so that easy patterns are learned first:

    s ~ U{T-, ..., U - 1},      U = min(T+, T + floor((T+ - T) iteration / expansion_end_epoch))

with T- = min_start_epoch, T = current_max_start_epoch and T+ = max_start_epoch.
"""

from dataclasses import dataclass

import torch

from ddkit.errors import RecipeError
from ddkit.recipe import Settings, setting


@dataclass(frozen=True, kw_only=True)
class StartEpochs(Settings):
    """The window, in epochs of an expert. expansion_end_epoch, named by DATM, is an outer iteration."""

    min_start_epoch: int = setting(0, at_least=0, epochs=True, help="T-: the first possible start epoch")
    max_start_epoch: int = setting(2, at_least=1, epochs=True, help="T+: start epochs are below it")
    current_max_start_epoch: int | None = setting(
        None, at_least=1, epochs=True, help="T: upper end of the window at iteration 0; none: max_start_epoch"
    )
    expansion_end_epoch: int = setting(1000, at_least=1, help="outer iteration at which the upper end reaches T+")

    def refuse_empty_window(self) -> None:
        """Raise RecipeError unless T- < T <= T+."""
        begin, end = self.min_start_epoch, self.max_start_epoch
        if begin >= end:
            raise RecipeError(f"key 'method.min_start_epoch': must be below max_start_epoch, {end}, got {begin}")
        first = self.current_max_start_epoch
        if first is not None and not begin < first <= end:
            raise RecipeError(
                f"key 'method.current_max_start_epoch': must be above min_start_epoch, {begin}, and at most "
                f"max_start_epoch, {end}, got {first}"
            )

    def upper_end(self, iteration: int) -> int:
        """U: the upper end of the window at this outer iteration; start epochs are below it."""
        end, first = self.max_start_epoch, self.current_max_start_epoch
        if first is None:
            return end
        return min(end, first + (end - first) * iteration // self.expansion_end_epoch)

    def draw_start(self, iteration: int, generator: torch.Generator) -> int:
        """Draw a start epoch for this outer iteration."""
        return int(torch.randint(self.min_start_epoch, self.upper_end(iteration), (), generator=generator))
