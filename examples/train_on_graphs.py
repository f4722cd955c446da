"""Train a GIN of PyG on an exported set of graphs, without ddkit, and print its first and last loss:

ddkit export RUN --to pt --out SET.pt && python examples/train_on_graphs.py SET.pt
"""

import sys

import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GIN, global_mean_pool

torch.manual_seed(0)
samples = [Data.from_dict(table) for table in torch.load(sys.argv[1], weights_only=True)]
classes = max(samples[0].y.shape[-1], 1 + max(int(sample.label) for sample in samples))
HOPS = 2  # message passings: the depth of the set's trees, printed as `hops` by `ddkit show RUN`
net, head = GIN(samples[0].x.shape[1], 64, HOPS), nn.Linear(64, classes)
adamw = torch.optim.AdamW([*net.parameters(), *head.parameters()], lr=0.01)
losses = []
for _ in range(50):
    losses.append(0.0)
    for batch in DataLoader(samples, batch_size=64, shuffle=True):
        roots = batch.root == 1  # a sample's state is the mean over the roots of its trees
        logits = head(global_mean_pool(net(batch.x.float(), batch.edge_index)[roots], batch.batch[roots]))
        loss = nn.functional.cross_entropy(logits, batch.y, reduction="none")
        weighted = (loss * batch.support).mean() / batch.support.mean()
        adamw.zero_grad()
        weighted.backward()
        adamw.step()
        losses[-1] += float(weighted) * len(batch) / len(samples)
print(f"{losses[0]:.4f} {losses[-1]:.4f}")  # the mean loss of the first epoch and of the last
