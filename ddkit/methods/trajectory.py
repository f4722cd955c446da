"""The outer iteration that all trajectory-matching methods share.

Draw an expert and a start epoch, train a student for `syn_steps` steps on the synthetic images from the expert's
parameters, and move the images and the inner learning rate down the gradient of the distance to the expert
`expert_epochs` later.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ddkit.data import select
from ddkit.errors import UsageError
from ddkit.experts import Trajectories
from ddkit.methods.contract import Context, MethodSettings
from ddkit.randomness import stream
from ddkit.recipe import setting
from ddkit.steps import PRECISIONS
from ddkit.unroll import ENGINES, matching_loss, precision_cosine

MOMENTUM = 0.5
"""Outer SGD momentum, for images and learning rate alike: a constant in every published code of this family."""


@dataclass(frozen=True, kw_only=True)
class TrajectorySettings(MethodSettings):
    """Settings of trajectory matching, under the papers' names."""

    iterations: int = setting(5000, at_least=1, help="outer iterations")
    syn_steps: int = setting(50, at_least=1, help="N: student steps an outer iteration")
    expert_epochs: int = setting(2, at_least=1, help="M: expert epochs the student should cover")
    max_start_epoch: int = setting(2, at_least=1, help="start epochs are drawn from 0 .. max_start_epoch - 1")
    batch_syn: int | None = setting(None, at_least=1, help="synthetic images a student step; none: all")
    lr_img: float = setting(100.0, above=0, help="learning rate of the images (network space)")
    lr_lr: float = setting(1e-7, at_least=0, help="learning rate of the inner learning rate, at its initial value")
    lr_teacher: float = setting(0.01, above=0, help="initial inner learning rate")
    pix_init: str = setting("real", one_of=("real", "noise", "herding", "kmeans"), help="initial images")
    engine: str = setting("auto", one_of=("auto", *ENGINES), help="unroll engine")
    memory: int | None = setting(
        None, at_least=0, help="MiB that kept student steps may take; none: a quarter of what is free"
    )
    precision: str = setting("float32", one_of=PRECISIONS, help="arithmetic of the student's convolutions")

    @property
    def reads_epochs(self) -> int:
        return self.max_start_epoch - 1 + self.expert_epochs


@dataclass(frozen=True)
class TrajectoryState:
    """What changes: images [n, C, H, W], log inner learning rate [], their momenta, the generator's state."""

    images: Tensor
    log_lr: Tensor
    image_velocity: Tensor
    lr_velocity: Tensor
    rng: Tensor


class TrajectoryMatching:
    """The shared part of MTT and its descendants; they hold one and call it."""

    def __init__(self, settings: TrajectorySettings, context: Context) -> None:
        if context.trajectories is None:
            raise UsageError(f"method '{settings.name}' matches expert trajectories and was given none")
        if settings.engine == "reference" and settings.precision != "float32":
            raise UsageError(
                f"method.precision={settings.precision}: engine reference computes in float32; choose another engine"
            )
        self._settings, self._context = settings, context
        self._trajectories: Trajectories = context.trajectories
        self._labels = context.labels(settings.ipc)
        self._cost_stated = settings.precision == "float32"

    def init(self) -> TrajectoryState:
        settings, context = self._settings, self._context
        generator = stream(context.seed, "condense")
        images = _initial_images(settings, context, generator)
        log_lr = torch.tensor(math.log(settings.lr_teacher), device=context.device)
        return TrajectoryState(
            images, log_lr, torch.zeros_like(images), torch.zeros_like(log_lr), generator.get_state()
        )

    def step(self, state: TrajectoryState) -> tuple[TrajectoryState, dict[str, Tensor | float]]:
        settings, context = self._settings, self._context
        generator = torch.Generator()
        generator.set_state(state.rng.cpu())

        expert = int(torch.randint(self._trajectories.count, (), generator=generator))
        start = int(torch.randint(settings.max_start_epoch, (), generator=generator))
        theta_0 = self._trajectories.row(expert, start)
        theta_target = self._trajectories.row(expert, start + settings.expert_epochs)

        index = draw_batches(len(self._labels), settings.batch_syn, settings.syn_steps, generator).to(context.device)
        steps, batch = index.shape
        params = context.dsa.sample(generator, steps, batch, context.real.data.shape[1:])
        images = state.images.detach().requires_grad_()
        log_lr = state.log_lr.detach().requires_grad_()
        batches = context.dsa.apply(images[index], params)
        problem: dict[str, Any] = {
            "theta_0": theta_0,
            "theta_target": theta_target,
            "images": batches,
            "labels": self._labels[index],
            "lr": log_lr.exp(),
            "precision": settings.precision,
        }
        memory = None if settings.memory is None else settings.memory * 2**20
        loss = matching_loss(context.net, **problem, engine=settings.engine, memory=memory)
        image_grad, log_lr_grad = torch.autograd.grad(loss, (images, log_lr))

        image_velocity = MOMENTUM * state.image_velocity + image_grad
        lr_velocity = MOMENTUM * state.lr_velocity + log_lr_grad
        # The papers learn lr itself with rate lr_lr, and it can turn negative. Here its logarithm is learned; dividing
        # by lr_teacher^2 makes both steps equal where lr = lr_teacher, so that published values of lr_lr still apply.
        new = TrajectoryState(
            images=state.images - settings.lr_img * image_velocity,
            log_lr=state.log_lr - settings.lr_lr / settings.lr_teacher**2 * lr_velocity,
            image_velocity=image_velocity,
            lr_velocity=lr_velocity,
            rng=generator.get_state(),
        )
        metrics: dict[str, Tensor | float] = {"loss": loss.detach(), "lr": state.log_lr.exp()}
        if not self._cost_stated:  # once a process, at its first iteration: what the lower precision costs
            metrics["gradient_cosine"] = precision_cosine(context.net, **problem)
            self._cost_stated = True
        return new, metrics


def draw_batches(count: int, batch: int | None, steps: int, generator: torch.Generator) -> Tensor:
    """Image indices [steps, batch]: permutations of all `count` images laid end to end and cut.

    Each image is used equally often to within one. The published code cuts each permutation by itself, so that a short
    batch appears wherever `batch` does not divide `count`; here every batch is full.
    """
    if batch is None or batch >= count:
        return torch.arange(count).expand(steps, count)
    rounds = -(-steps * batch // count)
    return torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[: steps * batch].view(
        steps, -1
    )


def _initial_images(settings: TrajectorySettings, context: Context, generator: torch.Generator) -> Tensor:
    train = context.real.train
    if settings.pix_init == "noise":
        shape = (context.real.data.class_count * settings.ipc, *context.real.data.shape)
        return torch.randn(shape, generator=generator).to(context.device)
    name = "random" if settings.pix_init == "real" else settings.pix_init
    return train.images[select(name, train.images.flatten(1), train.labels, settings.ipc, generator)].clone()
