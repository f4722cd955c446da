"""A graph classifier: embedded labels, convolutions, a readout, a linear head."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from ddkit.errors import UsageError, nearest
from ddkit.gnns.convolutions import CONVOLUTIONS, READ_EDGES
from ddkit.gnns.layers import Layers


class Embedding(nn.Module):
    """A vector for each label: the sum over the vocabulary's columns of a learned vector for the label's value.

    Labels with a common value, such as an atom type, share its vector. Hence a label that does not occur in training
    still has trained parts.
    """

    def __init__(self, vocabulary: Tensor, width: int) -> None:
        super().__init__()
        columns = [column.unique(return_inverse=True) for column in vocabulary.T]
        self.columns = nn.ModuleList(nn.Embedding(len(values), width) for values, _ in columns)
        self.places = [place for _, place in columns]  # the index of each label's value

    def forward(self, label: Tensor) -> Tensor:
        parts = [column(place) for column, place in zip(self.columns, self.places, strict=True)]
        return torch.stack(parts).sum(0)[label]


class GNN(nn.Module):
    """`forward(layers, readout)`: logits [samples, classes] of samples that are weighted sums of top-layer nodes.

    Layer norm and ReLU follow each convolution. Layer norm acts on each node separately, so that trees and graphs give
    the same states.

    Args:
        conv: gcn, gat, gin or sage.
        node_vocabulary, edge_vocabulary: raw values of each label, int64 [labels, columns].
        hops: number of convolutions.
        width: size of all states.
        classes: number of classes.
        generator: for the initial parameters.

    Raises:
        UsageError: the convolution is unknown.
    """

    def __init__(
        self,
        conv: str,
        node_vocabulary: Tensor,
        edge_vocabulary: Tensor,
        hops: int,
        width: int,
        classes: int,
        generator: Generator,
    ) -> None:
        super().__init__()
        if conv not in CONVOLUTIONS:
            raise UsageError(f"gnn '{conv}' is unknown; {nearest(conv, CONVOLUTIONS)}")
        self.conv = conv
        reads_edges = conv in READ_EDGES and len(edge_vocabulary) > 1
        with torch.device("meta"):  # so that PyG's and torch's own initialisations draw nothing
            self.convolutions = nn.ModuleList(CONVOLUTIONS[conv](width, reads_edges) for _ in range(hops))
            self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(hops))
            self.head = nn.Linear(width, classes)
            self.nodes = Embedding(node_vocabulary, width)
            self.edges = Embedding(edge_vocabulary, width) if reads_edges else None
        self.to_empty(device="cpu")
        _initialise(self, generator)

    def embed(self, layers: Layers) -> Float[Tensor, "n width"]:
        """Compute the states of the top layer's nodes."""
        h: Tensor = self.nodes(layers.label)
        for conv, norm, block in zip(self.convolutions, self.norms, layers.blocks, strict=True):
            edge_state = None if self.edges is None else self.edges(block.edge_label)
            h = norm(conv(h, block, edge_state)).relu()
        return h

    def forward(self, layers: Layers, readout: Tensor) -> Float[Tensor, "samples classes"]:
        """Compute the logits; `readout` is a sparse or dense matrix [samples, n]."""
        logits: Tensor = self.head(readout @ self.embed(layers))
        return logits


@torch.no_grad()
def _initialise(module: nn.Module, generator: Generator) -> None:
    """Draw matrices as Glorot and Bengio (uniform) and embeddings with variance 1/4; norms are 1 and biases 0."""
    norms = {id(m.weight) for m in module.modules() if isinstance(m, nn.LayerNorm)}
    tables = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    for parameter in module.parameters():
        if id(parameter) in norms:
            parameter.fill_(1)
        elif id(parameter) in tables:
            parameter.normal_(0, 0.5, generator=generator)
        elif parameter.dim() > 1:
            reach = (6 / (parameter.shape[-1] + parameter.shape[-2])) ** 0.5
            parameter.uniform_(-reach, reach, generator=generator)
        else:
            parameter.zero_()
