"""Recovery of images from teachers, the base of SRe2L and INFER.

A recovered image set z has one image of each class. Adam, with a lr that falls to 0 along half a cosine, makes a
teacher predict the classes of the images, and makes the statistics of the images equal those of the teacher's batch
norms:

    loss = CE(teacher(view(z)), classes) + r_bn * bn_distance        (`recovery_loss.py`, `statistics.py`)

With FYI a set also contains the mirror images of its images. Each iteration draws one `view` for a whole set: a random
resized crop and a mirroring if `crop` is enabled, then a circular shift.

Several sets are recovered at once, each with its own view and statistics. If a set has more images than `batch`, it
passes through the teacher in parts, and its statistics and gradients are still exact: one pass computes the moments of
all parts, which are joined, and a second pass propagates the derivative of the joint loss to each part. (The published
codes treat each part as a whole set: INFER's makes one compensator for each 100 classes, and SRe2L's compares the
statistics of each batch.)

Several ranks divide the sets of an iteration. If there are fewer sets than ranks, they divide the parts of each set,
and exchange the parts' moments.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from ddkit.data import crop_to_side, mirrored, random_box
from ddkit.experts import Bundle
from ddkit.methods.annealed_adam import annealed_adam
from ddkit.methods.contract import Context
from ddkit.methods.labelled import teachers_of
from ddkit.methods.recovery_loss import matched
from ddkit.methods.recovery_settings import RecoverySettings
from ddkit.randomness import restored, stream
from ddkit.steps import convolution_precision

CROP_SCALE = (0.08, 1.0)


@dataclass(frozen=True, eq=False)
class RecoveryState:
    """The state of a recovery.

    Attributes:
        learned: images or compensators [teachers, sets, 1 or classes, C, H, W], as before the current Adam run.
        value: those of the current run's sets, as learned so far.
        first, second: Adam's moments of `value`.
        done: number of steps, over all runs.
        rng: the generator's state.
    """

    learned: Tensor
    value: Tensor
    first: Tensor
    second: Tensor
    done: int
    rng: Tensor


class Recovery(ABC):
    """Base class of SRe2L and INFER. One iteration is a step of Adam on `together` sets.

    Adam runs follow one another: teacher by teacher, and for each teacher `together` sets at a time. Subclasses define
    what is learned (`begin`), what is added to it (`fixed`), and the number of sets (`shape`). A subclass without one
    of these is refused when it is defined.
    """

    state_class = RecoveryState
    loss_limit = None
    blame = "lower method.lr"

    def __init_subclass__(cls) -> None:
        if missing := [name for name in ("begin", "fixed", "shape") if getattr(cls, name) is getattr(Recovery, name)]:
            raise TypeError(f"{cls.__name__}: a recovery must define {', '.join(missing)}")

    def __init__(self, settings: RecoverySettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._teachers = teachers_of(context, settings.name)
        self._classes = context.real.data.class_count

    @abstractmethod
    def fixed(self) -> Tensor:
        """The images that are added to what is learned, [sets, classes, C, H, W] or a scalar 0."""

    @abstractmethod
    def begin(self, generator: torch.Generator) -> Tensor:
        """The initial values of what is learned, [teachers, sets, 1 or classes, C, H, W]."""

    def kept(self, learned: Tensor) -> Tensor:
        """Project what is learned after a step; the identity unless a subclass overrides it."""
        return learned

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(number of teachers, number of sets for each teacher)."""

    @property
    def together(self) -> int:
        """Number of sets that are recovered at once: as many as fit into `batch`, small and mirror images included."""
        return max(1, self._settings.batch // (self._classes * self._settings.views))

    @property
    def _runs(self) -> list[tuple[int, slice]]:
        """(teacher, sets) of each Adam run, in order."""
        teachers, sets = self.shape
        return [
            (m, slice(first, min(first + self.together, sets)))
            for m in range(teachers)
            for first in range(0, sets, self.together)
        ]

    @property
    def iterations(self) -> int:
        return len(self._runs) * self._settings.iterations

    def init(self) -> RecoveryState:
        generator = stream(self._context.seed, "condense")
        learned = self.begin(generator)
        none = learned.new_zeros(0)
        return RecoveryState(learned, none, none, none, 0, generator.get_state())

    def step(self, state: RecoveryState) -> tuple[RecoveryState, Mapping[str, Tensor | float]]:
        settings = self._settings
        generator = restored(state.rng)
        run, t = divmod(state.done, settings.iterations)
        m, sets = self._runs[run]
        value, first, second = state.value, state.first, state.second
        if t == 0:
            value = state.learned[m, sets]
            first = second = torch.zeros_like(value)
        fixed = self.fixed()
        problem = (self._teachers.teachers[m], value, fixed[sets] if fixed.dim() else fixed)
        before = generator.get_state()
        loss, gradient = self._gradient(*problem, generator, settings)
        metrics: dict[str, Tensor | float] = {"loss": loss}
        if state.done == 0 and settings.precision != "float32":  # the error of the lower precision
            plain = dataclasses.replace(settings, precision="float32")
            exact = self._gradient(*problem, restored(before), plain)[1]
            metrics["gradient_cosine"] = float(cosine_similarity(gradient.flatten(), exact.flatten(), 0))
        value, first, second = annealed_adam(value, first, second, gradient, t, settings.iterations, settings.lr)
        new = RecoveryState(state.learned, self.kept(value), first, second, state.done + 1, generator.get_state())
        if t + 1 == settings.iterations:  # not at each step, because all sets together may be large
            new = dataclasses.replace(new, learned=self.recovered(new))
        return new, metrics

    def recovered(self, state: RecoveryState) -> Tensor:
        """What is learned so far, [teachers, sets, 1 or classes, C, H, W]."""
        if state.done == 0:
            return state.learned
        m, sets = self._runs[(state.done - 1) // self._settings.iterations]
        learned = state.learned.clone()
        learned[m, sets] = state.value
        return learned

    def _gradient(
        self, teacher: Bundle, value: Tensor, fixed: Tensor, generator: torch.Generator, settings: RecoverySettings
    ) -> tuple[Tensor, Tensor]:
        """The mean loss [] of the current sets, and the derivative of each set's own loss for its value."""
        value = value.detach().requires_grad_()
        sets = settings.expand((value + fixed).expand(-1, self._classes, -1, -1, -1))
        z = torch.stack([self._view(own, generator) for own in sets])
        index = torch.arange(self._classes, device=z.device)
        classes = index.repeat_interleave(settings.parts)[settings.expand_index(index)]
        with convolution_precision(z.device, settings.precision):
            loss, along = self._matched(teacher, z.detach(), classes, settings)
        (gradient,) = torch.autograd.grad(z, value, along)
        loss, gradient = self._context.ranks.sum(loss, gradient)
        return loss, gradient

    def _matched(
        self, teacher: Bundle, z: Tensor, classes: Tensor, settings: RecoverySettings
    ) -> tuple[Tensor, Tensor]:
        """This rank's share of `matched`."""
        ranks = self._context.ranks
        if ranks.count == 1 or len(z) < ranks.count:
            return matched(teacher, z, classes, settings, ranks)
        own, along = ranks.rows(len(z)), torch.zeros_like(z)
        loss, along[own] = matched(teacher, z[own], classes, settings)
        return loss * len(z[own]) / len(z), along

    def _view(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """One set's images under one random crop, mirroring and shift, the same for all images."""
        settings = self._settings
        if settings.crop:
            side = (images.shape[-2], images.shape[-1])
            images = crop_to_side(images, random_box(side, CROP_SCALE, generator), side)
            if torch.rand((), generator=generator) < 0.5:
                images = mirrored(images)
        if settings.jitter:
            down, right = torch.randint(settings.jitter + 1, (2,), generator=generator).tolist()
            images = images.roll((down, right), (-2, -1))
        return images
