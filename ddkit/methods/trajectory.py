"""The outer iteration that all trajectory-matching methods share.

An iteration draws an expert and a start epoch. It trains a student for `syn_steps` steps on the synthetic images,
starting at the expert's parameters. Then it moves the images, the inner learning rate and the labels (if they are soft)
down the gradient of the distance to the expert's parameters `expert_epochs` later.

Each change that later papers make to MTT has its own file and is off by default: the window of start epochs
(`start_epoch`), the student (`student`), the matching loss (`matching`), and initial images and labels
(`initial_by_experts`). This file has the update, the skip rule and the moving average; `trajectory_settings` has the
settings. The files of mtt, ftd, ast, datm and their relatives hold only their defaults. A recipe may combine the
changes freely.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ddkit.data import DSAParams
from ddkit.device_copy import to_device
from ddkit.methods.batches import draw_batches
from ddkit.methods.contract import Context
from ddkit.methods.descent import MOMENTUM, moved
from ddkit.methods.division import WalkDivision
from ddkit.methods.initial_by_experts import choose_initial_images, initial_logits
from ddkit.methods.matching import Walk
from ddkit.methods.starting import starting_images
from ddkit.methods.student import balance, perturbed
from ddkit.methods.target_labels import class_logits, target_logits, warn_of_unnamed_classes
from ddkit.methods.trajectory_settings import TrajectorySettings
from ddkit.randomness import restored, stream
from ddkit.synth import SyntheticSet
from ddkit.unroll import matching_loss, precision_cosine


@dataclass(frozen=True, eq=False)
class Draw:
    """The draws for one student: its expert, start epoch and start [P], its batches [N, b] as numbers of stored images,
    the parameters of their augmentation, and logits [n, K] of all labels if the target gives them."""

    expert: int
    start: int
    theta_0: Tensor
    index: Tensor
    params: DSAParams
    logits: Tensor | None


@dataclass(frozen=True, eq=False)
class TrajectoryState:
    """The state of trajectory matching.

    Attributes:
        images: [n, C, H, W].
        log_lr: the logarithm of the inner learning rate, [].
        logits: those of soft labels, [n, K], or [n k^2, K] with formation k; [0] if labels are hard.
        image_velocity, lr_velocity, logit_velocity: the momenta of these three.
        average: the weighted sum of all iterates of the images.
        weight: the sum of its weights, 1 - d^T.
        iteration: number of iterations done.
        rng: the generator's state.
    """

    images: Tensor
    log_lr: Tensor
    logits: Tensor
    image_velocity: Tensor
    lr_velocity: Tensor
    logit_velocity: Tensor
    average: Tensor
    weight: float
    iteration: int
    rng: Tensor


class TrajectoryMatching:
    """Base class of trajectory-matching methods, which differ in the defaults of their settings."""

    state_class = TrajectoryState
    loss_limit = 100.0  # the loss is 1 for a student that does not move
    blame = "lower method.lr_img, or method.lr_lr if the learned lr grew too large"

    def __init__(self, settings: TrajectorySettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._experts = context.trajectories_for(settings.name)
        self._counts = settings.counts(context.real)
        self._labels = context.labels(self._counts.times(settings.parts))
        self._division = WalkDivision(context.ranks, settings.trajectories)

    @property
    def iterations(self) -> int:
        return self._settings.iterations

    def init(self) -> TrajectoryState:
        settings, context, experts = self._settings, self._context, self._experts
        generator = stream(context.seed, "condense")
        counts, epoch = self._counts, settings.labelling_epoch
        images = starting_images(
            settings,
            counts,
            context,
            lambda pix_init, small: choose_initial_images(pix_init, small, context, experts, epoch, generator),
        )
        log_lr = images.new_tensor(math.log(settings.lr_teacher))
        logits = images.new_zeros(0)
        if settings.target_labels:
            logits = class_logits(self._labels, context.real.data.class_count).to(images)
        elif settings.soft_labels:
            labels = self._labels[settings.expand_index(torch.arange(len(images), device=context.device))]
            own = initial_logits(context, experts, epoch, settings.expand(images), labels)
            logits = own.unflatten(0, (-1, len(self._labels))).mean(0)  # both orientations share a label
        return TrajectoryState(
            images=images,
            log_lr=log_lr,
            logits=logits,
            image_velocity=torch.zeros_like(images),
            lr_velocity=torch.zeros_like(log_lr),
            logit_velocity=torch.zeros_like(logits),
            average=torch.zeros_like(images),
            weight=0.0,
            iteration=0,
            rng=generator.get_state(),
        )

    def step(self, state: TrajectoryState) -> tuple[TrajectoryState, Mapping[str, Tensor | float]]:
        settings = self._settings
        generator = restored(state.rng)
        images, log_lr, logits = (t.detach().requires_grad_() for t in (state.images, state.log_lr, state.logits))
        drawn = [self._draw(state, generator) for _ in range(settings.trajectories)]
        problem = self._problem(drawn, images, log_lr, logits)
        own_loss = matching_loss(self._context.net, **problem)
        learned = (images, log_lr, logits) if settings.labelled_by_experts else (images, log_lr)
        image_grad, log_lr_grad, *logit_grad = torch.autograd.grad(own_loss, learned)
        loss, log_lr_grad, image_grad, *logit_grad = self._division.whole(
            own_loss.detach(), log_lr_grad, image_grad, *logit_grad
        )

        # The papers learn lr itself with rate lr_lr, and it can become negative. Here its logarithm is learned.
        # Dividing by lr_teacher^2 makes both steps equal where lr = lr_teacher, so published values of lr_lr apply.
        rate = settings.lr_lr / settings.lr_teacher**2
        accepted = loss <= (math.inf if settings.threshold is None else settings.threshold)
        image_moved = _moved(state.images, state.image_velocity, image_grad, settings.lr_img, MOMENTUM, accepted)
        lr_moved = _moved(state.log_lr, state.lr_velocity, log_lr_grad, rate, MOMENTUM, accepted)
        labels_moved = state.logits, state.logit_velocity
        if drawn[-1].logits is not None:
            labels_moved = torch.where(accepted, drawn[-1].logits, state.logits), state.logit_velocity
        if logit_grad:
            momentum = settings.momentum_y
            labels_moved = _moved(state.logits, state.logit_velocity, logit_grad[0], settings.lr_y, momentum, accepted)
        new = TrajectoryState(
            images=image_moved[0],
            log_lr=lr_moved[0],
            logits=labels_moved[0],
            image_velocity=image_moved[1],
            lr_velocity=lr_moved[1],
            logit_velocity=labels_moved[1],
            average=settings.ema_decay * state.average + (1 - settings.ema_decay) * image_moved[0],
            weight=settings.ema_decay * state.weight + (1 - settings.ema_decay),
            iteration=state.iteration + 1,
            rng=generator.get_state(),
        )
        metrics: dict[str, Tensor | float] = {"loss": loss, "lr": state.log_lr.exp()}
        if settings.threshold is not None:  # a skipped iteration adds the unchanged images to the moving average
            metrics["skipped"] = (~accepted).float()
        if state.iteration == 0 and settings.precision != "float32":  # the error of the lower precision
            metrics["gradient_cosine"] = precision_cosine(self._context.net, ranks=self._context.ranks, **problem)
        return new, metrics

    def _problem(self, drawn: Sequence[Draw], images: Tensor, log_lr: Tensor, logits: Tensor) -> dict[str, Any]:
        """The arguments of `matching_loss` for the drawn students."""
        settings = self._settings
        labels = logits.softmax(1) if settings.soft_labels else self._labels
        walks = [self._walk(draw, images, log_lr, labels) for draw in self._division.own(drawn)]
        share = self._division.arguments(len(settings.expand_index(drawn[0].index[0])))
        return settings.problem(walks, settings.middle_points()) | {"momentum": settings.syn_momentum} | share

    def _draw(self, state: TrajectoryState, generator: torch.Generator) -> Draw:
        """Draw an expert, a start epoch, N batches and their augmentation, in this order."""
        settings, context, experts = self._settings, self._context, self._experts
        expert = int(torch.randint(experts.count, (), generator=generator))
        start = settings.draw_start(state.iteration, generator)
        theta_0 = experts.row(expert, start)
        if settings.weight_perturb:
            theta_0 = perturbed(context.net, theta_0, settings.weight_perturb, generator)
        count = self._counts.total
        index = draw_batches(count, settings.drawn_of(count), settings.syn_steps, generator)
        index = to_device(index, context.device)
        steps, batch = settings.expand_index(index).shape
        params = context.dsa.sample(generator, steps, batch, context.real.data.shape[1:])
        logits = None
        if settings.target_labels:
            target, views = experts.row(expert, start + settings.expert_epochs), settings.expand(state.images)
            logits = target_logits(context.net, target, views, len(self._labels))
        return Draw(expert, start, theta_0, index, params, logits)

    def _walk(self, draw: Draw, images: Tensor, log_lr: Tensor, labels: Tensor) -> Walk:
        """The student of a draw, with this rank's rows of its batches."""
        settings, context, experts = self._settings, self._context, self._experts
        expert, start = draw.expert, draw.start
        labels = labels if draw.logits is None else draw.logits.softmax(1)
        batches, label_index = settings.expand(images[draw.index]), settings.expand_index(draw.index)
        params = draw.params
        if self._division.by_rows:
            rows = context.ranks.rows(label_index.shape[1])
            batches, label_index, params = batches[:, rows], label_index[:, rows], params.rows(rows)
        lr = log_lr.exp() * (balance(start, settings.max_start_epoch) if settings.balance_loss else 1.0)
        return Walk(
            theta_0=draw.theta_0,
            target=experts.row(expert, start + settings.expert_epochs),
            middle=[experts.row(expert, start + k) for _, k, _ in settings.middle_points()],
            images=context.dsa.apply(batches, params),
            labels=labels[label_index],
            lr=lr.expand(len(label_index)),
        )

    def finish(self, state: TrajectoryState) -> SyntheticSet:
        """The set of the moving average of the images, with the last labels and the last learned lr.

        Before the first iteration the images are the initial ones. No paper averages the lr.
        """
        if self._settings.target_labels:
            warn_of_unnamed_classes(state.logits, self._labels)
        images = state.average / state.weight if state.weight else state.images
        soft = state.logits.softmax(1) if self._settings.soft_labels else None
        return self._context.as_set(self._settings, images, lr=float(state.log_lr.exp()), soft_labels=soft)


def _moved(
    value: Tensor, velocity: Tensor, gradient: Tensor, rate: float, momentum: float, accepted: Tensor
) -> tuple[Tensor, Tensor]:
    """Return value and velocity after one step, or unchanged if the step is not `accepted` ([], boolean)."""
    new, new_velocity = moved(value, velocity, gradient, rate, momentum)
    return torch.where(accepted, new, value), torch.where(accepted, new_velocity, velocity)
