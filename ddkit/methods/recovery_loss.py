"""The loss of a recovery: a teacher's cross entropy, and the distance to the statistics of its batch norms."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ddkit.experts import Bundle
from ddkit.methods.recovery_settings import RecoverySettings
from ddkit.methods.statistics import bn_distance, cotangents, exchanged
from ddkit.nets import Moments
from ddkit.ranks import ALONE, Ranks


def matched(
    teacher: Bundle, z: Tensor, classes: Tensor, settings: RecoverySettings, ranks: Ranks = ALONE
) -> tuple[Tensor, Tensor]:
    """Return the loss, averaged over sets, and d (loss summed over sets) / d z.

    Of several ranks each returns a share, and the results are the sums of the shares.

    Args:
        z: image sets [sets, n, C, H, W].
        classes: the class of each of a set's n images.
        ranks: they divide the parts of the sets; at most n.
    """
    count = len(z)

    def statistics(moments: Moments) -> Tensor:
        return settings.r_bn * bn_distance(moments, teacher.stats, settings.bn_distance).sum()

    def evaluate(part: Tensor, first: int) -> tuple[Tensor, Moments]:
        """The part's share of the cross entropy, summed over sets, and the part's moments."""
        with torch.autocast(part.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            logits, moments = teacher.net.moments(teacher.theta, part.flatten(0, 1), teacher.stats, count)
        labels = classes[first : first + part.shape[1]].repeat(count)
        return cross_entropy(logits.to(part.dtype), labels, reduction="sum") / z.shape[1], moments

    parts = z.split(max(1, min(settings.batch // count, z.shape[1] // ranks.count)), 1)
    starts = [i * parts[0].shape[1] for i in range(len(parts))]
    if len(parts) == 1:
        z = z.detach().requires_grad_()
        fit, moments = evaluate(z, 0)
        loss = fit + statistics(moments)
        return loss.detach() / count, torch.autograd.grad(loss, z)[0]
    own = ranks.own(len(parts))
    with torch.no_grad():
        moments_of = exchanged({i: evaluate(parts[i], starts[i])[1] for i in own}, len(parts), ranks)
    loss, derivatives = cotangents(statistics, moments_of, [part.shape[1] for part in parts])
    if not ranks.leads:
        loss = torch.zeros_like(loss)  # the leader's share has the statistics, which all ranks have computed
    gradients = [torch.zeros_like(part) for part in parts]
    for i in own:
        part, slopes = parts[i].detach().requires_grad_(), derivatives[i]
        fit, moments = evaluate(part, starts[i])
        pulled = sum(
            (moment * slope).sum() for name in slopes for moment, slope in zip(moments[name], slopes[name], strict=True)
        )
        gradients[i] = torch.autograd.grad(fit + pulled, part)[0]
        loss = loss + fit.detach()
    return loss / count, torch.cat(gradients, 1)
