"""`matching_loss`, the interface of the unroller."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.autograd.function import once_differentiable

from ddkit.errors import UsageError, nearest
from ddkit.steps import PRECISIONS, BatchShare, Network
from ddkit.unroll.adjoint import Solved, walked_together
from ddkit.unroll.engines import ENGINES, SOLVERS
from ddkit.unroll.problem import Problem, Rules, Waypoint, Weighting
from ddkit.unroll.reference import reference

GRADIENTS = ("exact", "detached")
MATCHES = ("last", "nearest")


def matching_loss(
    net: Network,
    theta_0: Float[Tensor, "... p"],
    theta_target: Float[Tensor, "... p"],
    images: Float[Tensor, "... n b c h w"],
    labels: Shaped[Tensor, "..."],
    lr: Float[Tensor, "..."],
    *,
    momentum: float = 0.0,
    waypoints: Sequence[Waypoint] = (),
    weights: Tensor | Weighting | None = None,
    match: str = "last",
    gradient: str = "exact",
    precision: str = "float32",
    memory: int | None = None,
    engine: str = "auto",
    share: BatchShare | None = None,
) -> Float[Tensor, ""]:
    """Compute the trajectory-matching loss of MTT (Cazenavette et al., CVPR 2022) and later methods, differentiably.

        u_i = momentum u_{i-1} + d CE(net(theta_i, x_i), y_i) / d theta
        theta_{i+1} = theta_i - lr_i u_i,                                   i = 0 .. N-1
        loss = |theta_N - theta_target|^2 / |theta_0 - theta_target|^2      (+ the same at each waypoint)

    Ordinary autograd differentiates it exactly with respect to `images`, `lr` and floating-point `labels`. Hence the
    caller may compute these by any differentiable function: sub-sampling, flips, augmentation, a decoder.

    Args:
        net: maps (theta [P], x [B, C, H, W]) to logits [B, K].
        theta_0: the expert's snapshot at which the student starts; not differentiated. A leading axis means T
            trajectories: then `theta_target`, `images`, `labels` and waypoints have it too, `lr` may have it, and the
            loss is their mean.
        theta_target: the expert's later snapshot, the target; not differentiated.
        images: the N batches, already augmented.
        labels: int64 [N, B], or class probabilities [N, B, K].
        lr: one inner learning rate for all steps (a scalar), one for each step [N], or one for each step of each
            trajectory [T, N].
        momentum: momentum of the student (AST).
        waypoints: snapshots between start and target, each with its step and weight (AST's intermediate losses).
        weights: weights of the parameters in all distances, in numerator and denominator: [P] (a mask: PAD), or a
            function of the squared differences that returns them (EDF: `largest(0.75)`). They are not differentiated.
        match: the "last" iterate, or the one "nearest" to the target by L1 distance; later steps get no gradient (ATT).
        gradient: "exact", or "detached": every iterate is treated as a constant, which is TESLA's approximation.
        precision: precision of convolutions and of the maps between layers: "float32", "tf32" (CUDA only; float32
            elsewhere) or "bfloat16". Parameters, gradients and sums keep the dtype of theta_0. `precision_cosine`
            measures the error.
        memory: bytes for tapes of steps, which then need not be computed again; None: a quarter of the free memory.
        engine: "adjoint" (constant memory), "captured" (the same as one CUDA graph), "reference" (the oracle: the whole
            autograd graph, in the dtype of theta_0 and with the process's TF32 setting), or "auto": captured on CUDA,
            adjoint elsewhere.
        share: `images` and `labels` are this rank's rows of larger batches. The loss is then that of the whole batches,
            and so is its derivative for `lr`; those for images and labels are of this rank's rows. The engine is
            adjoint: the ranks add their gradients at each step.

    Raises:
        UsageError: a name is unknown, shapes disagree, or labels have another type.
    """
    if engine == "auto":
        engine = "captured" if theta_0.is_cuda and share is None else "adjoint"
    for what, value, known in (
        ("engine", engine, ENGINES),
        ("gradient", gradient, GRADIENTS),
        ("match", match, MATCHES),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            raise UsageError(f"matching_loss: {what} '{value}' is unknown; {nearest(value, known)}")
    if engine == "captured" and not theta_0.is_cuda:
        raise UsageError("matching_loss: engine 'captured' needs CUDA tensors; use adjoint, or auto")
    if share is not None and engine != "adjoint":
        raise UsageError(f"matching_loss: engine '{engine}' cannot divide a batch over ranks; use adjoint, or auto")
    targets = [theta_target, *(point.theta for point in waypoints)]
    if theta_0.ndim == 1:
        theta_0, targets = theta_0[None], [target[None] for target in targets]
        images, labels = images[None], labels[None]
    fixed = weights if isinstance(weights, Tensor) else None
    _check_shapes(theta_0, targets, images, labels, lr, waypoints, fixed)
    if precision == "bfloat16" and theta_0.dtype == torch.float64:
        raise UsageError("matching_loss: precision 'bfloat16' keeps float32 parameters, got float64; use float32")
    points = tuple((point.step, point.weight) for point in waypoints)
    rules = Rules(momentum, points, match, gradient, None if isinstance(weights, Tensor) else weights)

    def problems(images: Tensor, labels: Tensor, lr: Tensor) -> list[Problem]:
        each = zip(theta_0.detach(), images, labels, lr, *(target.detach() for target in targets), strict=True)
        return [Problem(rules, start, tuple(goals), x, y, rate, fixed) for start, x, y, rate, *goals in each]

    lr = lr.expand(images.shape[:2])
    if engine == "reference":
        with torch.enable_grad():  # the student's steps need gradients, even inside no_grad
            losses = [reference(net, problem) for problem in problems(images, labels, lr)]
        return torch.stack(losses).mean()
    solver = SOLVERS[engine] if share is None else partial(walked_together, share)
    solve = partial(solver, net, precision, memory)
    wanted = torch.is_grad_enabled() and any(t.requires_grad for t in (images, labels, lr))
    loss: Tensor = _Matched.apply(problems, solve, wanted, images, labels, lr)
    return loss


class _Matched(torch.autograd.Function):
    """Solves all problems in the forward pass and keeps only the gradients, so that T trajectories that are solved one
    after another need the memory of one."""

    @staticmethod
    def forward(
        ctx: Any, problems: Any, solve: Any, wanted: bool, images: Tensor, labels: Tensor, lr: Tensor
    ) -> Tensor:
        solved: list[Solved] = solve(problems(images, labels, lr), wanted)
        ctx.soft = labels.is_floating_point()
        if wanted:
            share = 1 / len(solved)
            ctx.save_for_backward(
                _stacked(s.images for s in solved) * share,
                _stacked(s.lr for s in solved) * share,
                *([_stacked(s.labels for s in solved) * share] if ctx.soft else []),
            )
        return torch.stack([s.loss for s in solved]).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        images, lr, *labels = (grad_loss * gradient for gradient in ctx.saved_tensors)
        return None, None, None, images, labels[0] if ctx.soft else None, lr


def _stacked(parts: Iterable[Tensor | None]) -> Tensor:
    return torch.stack([part for part in parts if part is not None])


def _check_shapes(
    theta_0: Tensor,
    targets: list[Tensor],
    images: Tensor,
    labels: Tensor,
    lr: Tensor,
    waypoints: Sequence[Waypoint],
    weights: Tensor | None,
) -> None:
    soft = labels.is_floating_point()
    fitting = labels.shape[:3] == images.shape[:3] and labels.ndim == 3 + soft and (soft or labels.dtype == torch.int64)
    if images.ndim != 6 or not images.shape[1] or not fitting:
        raise UsageError(
            "matching_loss: images must be [N, B, C, H, W], and labels int64 [N, B] or floating-point [N, B, K] (one "
            f"more axis, first, for several trajectories), got {list(images.shape)}, and {labels.dtype} "
            f"{list(labels.shape)}"
        )
    steps = images.shape[1]
    if lr.shape not in (torch.Size([]), torch.Size([steps]), images.shape[:2]):
        raise UsageError(
            f"matching_loss: lr must be a scalar, one a step [{steps}], or one a step of each trajectory "
            f"{list(images.shape[:2])}, got {list(lr.shape)}"
        )
    for target in targets:
        if target.shape != theta_0.shape or len(target) != len(images):
            raise UsageError(
                f"matching_loss: targets and waypoints must have the shape of theta_0, {list(theta_0.shape)}, and as "
                f"many trajectories as images, {len(images)}; got {list(target.shape)}"
            )
    for point in waypoints:
        if not 1 <= point.step <= steps:
            raise UsageError(f"matching_loss: waypoint at step {point.step}: must be 1 to {steps} (0 is the start)")
    if weights is not None and weights.shape != theta_0.shape[1:]:
        raise UsageError(f"matching_loss: weights must be {list(theta_0.shape[1:])}, got {list(weights.shape)}")
    # A CUDA graph would treat values on another device as constants.
    for name, tensor in (("images", images), ("labels", labels), ("lr", lr), *(("targets", t) for t in targets)):
        if tensor.device != theta_0.device:
            raise UsageError(f"matching_loss: {name} must be on {theta_0.device} like theta_0, got {tensor.device}")
