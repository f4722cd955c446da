"""Where on an expert's trajectory the student starts: a window of epochs, which may grow (DATM).

MTT draws s uniformly from 0 .. max_start_epoch - 1. DATM (Guo et al., ICLR 2024) aligns the difficulty of what is
matched with the size of the set: the window begins at min_start_epoch, later for larger sets, and with
current_max_start_epoch its upper end grows, so that easy patterns are learned first:

    s ~ U{T-, ..., U - 1},      U = min(T+, T + floor((T+ - T) iteration / expansion_end_epoch))

with T- = min_start_epoch, T = current_max_start_epoch and T+ = max_start_epoch.
"""

from dataclasses import dataclass

import torch

from ddkit.errors import RecipeError
from ddkit.recipe import Settings, setting


@dataclass(frozen=True, kw_only=True)
class StartEpochs(Settings):
    """The window, in epochs of an expert; DATM calls the iteration that ends the growth expansion_end_epoch."""

    min_start_epoch: int = setting(0, at_least=0, epochs=True, help="T-: start epochs are drawn from here on")
    max_start_epoch: int = setting(2, at_least=1, epochs=True, help="T+: and below this one")
    current_max_start_epoch: int | None = setting(
        None, at_least=1, epochs=True, help="T: where the upper end is at iteration 0; none: at max_start_epoch"
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
        """U: start epochs are below it at this outer iteration."""
        end, first = self.max_start_epoch, self.current_max_start_epoch
        if first is None:
            return end
        return min(end, first + (end - first) * iteration // self.expansion_end_epoch)

    def draw_start(self, iteration: int, generator: torch.Generator) -> int:
        """A start epoch for this outer iteration."""
        return int(torch.randint(self.min_start_epoch, self.upper_end(iteration), (), generator=generator))
