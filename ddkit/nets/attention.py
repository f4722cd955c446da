"""Attention by formulas that can be differentiated twice.

PyTorch's fused attention has no second derivative, which trajectory methods and gradient matching need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

FUSED = (F.scaled_dot_product_attention, F.multi_head_attention_forward)
"""Functions that use fused attention. The second calls the first where a mode does not see it."""


class TwiceDifferentiable(TorchFunctionMode):
    """A block in which attention is computed by formulas. It holds for one thread, as a setting of torch would not."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[Any], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return _attention(*args, **kwargs)
        if func is F.multi_head_attention_forward and not kwargs.get("need_weights", True):
            out, _ = func(*args, **{**kwargs, "need_weights": True})  # with weights it uses no fused attention
            return out, None
        return func(*args, **kwargs)


class CountsAttention(TorchFunctionMode):
    """A block that counts the calls of fused attention."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[Any], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.calls += func in FUSED
        return func(*args, **(kwargs or {}))


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> torch.Tensor:
    """softmax(query key^T scale + mask) value, by torch's composition of differentiable operations."""
    found = torch.ops.aten._scaled_dot_product_attention_math(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )
    out: torch.Tensor = found[0]
    return out
