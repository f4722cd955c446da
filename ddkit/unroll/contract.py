"""The one contract of the unroller, and the table of engines that keep it."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from ddkit.errors import UsageError
from ddkit.recipe import nearest
from ddkit.unroll.adjoint import adjoint
from ddkit.unroll.captured import captured
from ddkit.unroll.reference import reference
from ddkit.unroll.step import Network

ENGINES: dict[str, Callable[..., Tensor]] = {"adjoint": adjoint, "captured": captured, "reference": reference}


def matching_loss(
    net: Network,
    theta_0: Float[Tensor, " p"],
    theta_target: Float[Tensor, " p"],
    images: Float[Tensor, "n b c h w"],
    labels: Shaped[Tensor, "..."],
    lr: Float[Tensor, "..."],
    engine: str = "auto",
) -> Float[Tensor, ""]:
    """The trajectory-matching loss of MTT (Cazenavette et al., CVPR 2022), exactly differentiable.

        theta_{i+1} = theta_i - lr_i * d CE(net(theta_i, x_i), y_i) / d theta,     i = 0 .. N-1
        loss = |theta_N - theta_target|^2 / |theta_0 - theta_target|^2

    Gradients reach `images`, `lr` and (where they are floating point) `labels` through ordinary autograd, so the
    caller may put any differentiable function in front: sub-sampling, flips, augmentation, a decoder.

    Args:
        net: maps (theta [P], x [B, C, H, W]) to logits [B, K].
        theta_0: the expert's snapshot the student starts from; not differentiated.
        theta_target: the later snapshot it should reach; not differentiated.
        images: the N batches, already augmented.
        labels: int64 [N, B], or class probabilities [N, B, K].
        lr: one inner learning rate for all steps (a scalar) or one a step [N].
        engine: "adjoint" (activation memory of one step), "captured" (the same as one CUDA graph), "reference" (the
            whole autograd graph; the oracle), or "auto": captured on CUDA, adjoint elsewhere.

    Raises:
        UsageError: an unknown engine, or shapes that disagree.
    """
    if engine == "auto":
        engine = "captured" if theta_0.is_cuda else "adjoint"
    if engine not in ENGINES:
        raise UsageError(f"unroll engine '{engine}' is unknown; {nearest(engine, ENGINES)}")
    if engine == "captured" and not theta_0.is_cuda:
        raise UsageError("unroll engine 'captured': needs CUDA tensors; use adjoint, or auto to let the device decide")
    if images.ndim != 5 or labels.shape[:2] != images.shape[:2]:
        raise UsageError(
            f"matching_loss: images must be [N, B, C, H, W] and labels [N, B] or [N, B, K], "
            f"got {list(images.shape)} and {list(labels.shape)}"
        )
    if lr.shape not in (torch.Size([]), torch.Size([images.shape[0]])):
        raise UsageError(f"matching_loss: lr must be a scalar or one a step [{images.shape[0]}], got {list(lr.shape)}")
    return ENGINES[engine](net, theta_0.detach(), theta_target.detach(), images, labels, lr.expand(images.shape[0]))
