"""Sums of rows along fixed edges. Message passing repeats them at every step, so they are prepared once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor
from torch.nn.functional import embedding_bag

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class _Bags:
    """A sparse matrix row by row: columns and weights, and the beginning of each row."""

    column: Tensor
    weight: Tensor
    begin: Tensor

    @staticmethod
    def of(matrix: Any, dtype: torch.dtype) -> "_Bags":
        arrays = (matrix.indices.astype(np.int32), matrix.data, matrix.indptr.astype(np.int32))
        column, weight, begin = map(torch.from_numpy, arrays)
        return _Bags(column, weight.to(dtype), begin)

    def __call__(self, x: Tensor) -> Tensor:
        table, weight = x.contiguous(), self.weight
        return embedding_bag(
            self.column, table, self.begin, mode="sum", per_sample_weights=weight, include_last_offset=True
        )


class _Product(torch.autograd.Function):
    """The product A x. Its derivative is the product with the transposed matrix, so that neither needs a scatter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: _Bags, back: _Bags) -> Tensor:
        ctx.back = back
        return there(x)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.back(grads[0]), None, None


Sums = Callable[[Float[Tensor, "columns width"]], Float[Tensor, "rows width"]]


def sums(row: Array, column: Array, weight: Array | float, shape: tuple[int, int], dtype: torch.dtype) -> Sums:
    """Return the function x -> A x for a fixed matrix A of `shape`. A[row, column] is the sum of all its weights.

    The function is differentiable once, for x. It is several times faster than gathering and scattering.
    """
    weights = np.broadcast_to(np.asarray(weight, np.float64), row.shape)
    matrix = sparse.coo_array((weights, (row, column)), shape=shape).tocsr()
    there, back = _Bags.of(matrix, dtype), _Bags.of(matrix.T.tocsr(), dtype)

    def product(x: Tensor) -> Tensor:
        found: Tensor = _Product.apply(x, there, back)
        return found

    return product
