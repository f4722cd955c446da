"""Soft labels that keep only the k largest logits, which makes labels of a thousand classes small.

The other K - k classes share the remaining probability at the label's temperature T equally. Each has the logit

    rest = T log( sum over the others of exp(logit / T) / (K - k) )

so that the k classes keep their probabilities. (Truncated probabilities at T = 1, as in FKD, cannot be converted to
another temperature.) A stored label has k logits and the rest as float16, and k class numbers of 2 bytes each.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ddkit.errors import DataError


def fewer(count: int | None, classes: int) -> int | None:
    """Return the number of logits that are kept, or None if all are."""
    return None if count is None or count >= classes else count


def only_top(logits: Float[Tensor, "n k"], count: int, temperature: float) -> Float[Tensor, "n k"]:
    """Return the labels with only the `count` largest logits kept, rounded to float16."""
    classes = logits.shape[1]
    if count >= classes:
        return logits.half().float()
    top, index = logits.topk(count, dim=1)
    others = torch.full_like(logits, 0.0).scatter(1, index, float("-inf")) + logits
    mass = (others / temperature).logsumexp(1, keepdim=True)
    rest = temperature * (mass - torch.tensor(float(classes - count)).log())
    return unpack(top.half(), index, rest.half(), classes)


def pack(labels: Float[Tensor, "n k"], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Split labels from `only_top` into logits [n, count] float16, classes [n, count] and rest [n, 1] float16."""
    top, index = labels.topk(count, dim=1)
    rest = labels.scatter(1, index, float("inf")).amin(1, keepdim=True)
    return top.half(), index, rest.half()


def unpack(top: Tensor, index: Int[Tensor, "n c"], rest: Tensor, classes: int) -> Float[Tensor, "n k"]:
    """Return the labels that `pack` has split.

    Raises:
        DataError: the tensors cannot come from `pack`.
    """
    if top.dim() != 2 or top.shape != index.shape or rest.shape != (len(top), 1):
        shapes = ", ".join(str(list(each.shape)) for each in (top, index, rest))
        raise DataError(f"set: packed soft labels must be [N, k], [N, k] and [N, 1], got {shapes}")
    ascending = index.sort(dim=1).values
    if ((index < 0) | (index >= classes)).any() or (ascending[:, 1:] == ascending[:, :-1]).any():
        raise DataError(f"set: a packed soft label names a class twice, or one outside the {classes}")
    return rest.float().expand(-1, classes).scatter(1, index.long(), top.float())


def is_packed(labels: Float[Tensor, "n k"], count: int) -> bool:
    """Return whether `pack` preserves the labels: all but `count` logits of each equal its smallest logit."""
    smallest = labels.topk(labels.shape[1] - count, dim=1, largest=False).values
    return bool((smallest == smallest[:, :1]).all())


def packed_bytes(rows: int, count: int) -> int:
    """Return the size of packed soft labels in bytes."""
    return rows * (2 * count + 2 * count + 2)
