"""Several vectors as the rows of one matrix."""

from collections.abc import Sequence

import torch
from torch import Tensor


def as_rows(vectors: Sequence[Tensor]) -> Tensor:
    """Stack n vectors [P] to [n, P]. A single vector is not copied."""
    return vectors[0][None] if len(vectors) == 1 else torch.stack(list(vectors))
