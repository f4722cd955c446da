"""What a graph network of ddkit runs over: layers of nodes, each fed by the one below."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Block:
    """The n nodes of one layer: what each was in the layer below, and the edges from there.

    Attributes:
        own: number in the layer below, [n].
        edge: (source in the layer below, target here), parallel edges repeated, [2, e].
        edge_label: [e].
        degree, degree_below: true number of edges into each node here, [n], and in the layer below, [m].
    """

    own: Int64[Tensor, " n"]
    edge: Int64[Tensor, "2 e"]
    edge_label: Int64[Tensor, " e"]
    degree: Float[Tensor, " n"]
    degree_below: Float[Tensor, " m"]


@dataclass(frozen=True, eq=False)
class Layers:
    """Labels of the lowest layer, and a block for each message passing.

    A plain graph is the same block again and again; distinct computation trees are layers that shrink or grow. Both
    give the same states at the top, since h_l = update(h_{l-1}[own], {h_{l-1}[source]}) reads nothing else.
    """

    label: Int64[Tensor, " m"]
    blocks: Sequence[Block]
