"""The input of graph networks: layers of nodes, with edges from each layer to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Block:
    """The n nodes of one layer, and the edges from the layer below.

    Attributes:
        own: the number of each node in the layer below, [n].
        edge: (source in the layer below, target here), parallel edges repeated, [2, e].
        edge_label: the label of each edge, [e].
        degree, degree_below: true number of edges into each node here, [n], and in the layer below, [m].
    """

    own: Int64[Tensor, " n"]
    edge: Int64[Tensor, "2 e"]
    edge_label: Int64[Tensor, " e"]
    degree: Float[Tensor, " n"]
    degree_below: Float[Tensor, " m"]


@dataclass(frozen=True, eq=False)
class Layers:
    """Labels of the lowest layer, and a block for each convolution.

    A plain graph repeats the same block. Distinct computation trees have layers of different sizes. Both give the same
    states at the top, because h_l = update(h_{l-1}[own], {h_{l-1}[source]}) depends on nothing else.
    """

    label: Int64[Tensor, " m"]
    blocks: Sequence[Block]
