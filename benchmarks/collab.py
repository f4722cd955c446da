"""Claim: mirage-plus condenses graphs of COLLAB's size, 24.6 million directed edges, in a minute and 3 GiB.

    python benchmarks/collab.py [--save]

The graphs are drawn, since COLLAB itself is not always at hand: 5,000 ego networks of about 74 nodes (32 to 492) in
three classes. Such a network is a union of cliques, the authors of one paper each, and one author is in all of them.
A class differs from the others in the sizes of its papers.

The row measures `ddkit condense --no-evaluate` as one process, from the file to the set, its pictures and its report.
`seconds` is its processor time on one thread, `wall` the time by the clock, `peak GiB` its largest resident memory.
--save adds a line to benchmarks/results/collab.jsonl.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from measure import save

from ddkit.randomness import stream

GRAPHS, LEAST, MOST = 5000, 32, 492
SHARE = (0.520, 0.155, 0.325)
"""Share of each class, as in COLLAB."""

PAPER = (0.44, 0.145, 0.29)
"""Largest share of a network's authors that one paper of each class has."""


def ego_network(nodes: int, paper: float, draw: torch.Generator) -> np.ndarray:
    """Draw papers until each author has one; return the directed edges between authors, [E, 2]."""
    joined, missing = np.zeros((nodes, nodes), bool), np.arange(1, nodes)
    while len(missing):
        size = min(nodes - 1, 2 + int(paper * nodes * torch.rand((), generator=draw).item() ** 3))
        others = 1 + torch.randperm(nodes - 1, generator=draw)[: size - 1].numpy()
        authors = np.union1d([0, missing[0]], others)
        joined[np.ix_(authors, authors)] = True
        missing = np.setdiff1d(missing, authors)
    np.fill_diagonal(joined, False)
    return np.argwhere(joined)


def write_graphs(file: Path) -> dict[str, int]:
    """Write the graphs as the archive that `graphs-npz:` reads. Return how many graphs, nodes and edges there are."""
    draw = stream(0, "collab")
    sizes = LEAST * np.exp(torch.empty(GRAPHS).exponential_(1 / 0.62, generator=draw).numpy())
    sizes = sizes.clip(LEAST, MOST).astype(int)
    label = torch.multinomial(torch.tensor(SHARE), GRAPHS, replacement=True, generator=draw).numpy()
    begin = np.cumsum(sizes) - sizes
    edges = [ego_network(n, PAPER[c], draw) + b for n, c, b in zip(sizes.tolist(), label.tolist(), begin, strict=True)]
    source, target = np.concatenate(edges).T
    np.savez(file, edge_src=source, edge_dst=target, num_nodes=sizes, label=label)
    return {"graphs": GRAPHS, "nodes": int(sizes.sum()), "edges": len(source)}


def main() -> None:
    """Print the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "collab.npz"
        counts = write_graphs(file)
        command = ["condense", "--method", "mirage-plus", "--no-evaluate", "--data", f"graphs-npz:{file}"]
        environment = os.environ | {"DDKIT_HOME": f"{folder}/home", "OMP_NUM_THREADS": "1"}
        begin = time.perf_counter()
        out = ["--out", f"{folder}/run"]
        subprocess.run([sys.executable, "-m", "ddkit", *command, *out], check=True, env=environment)
        wall, used = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    row = {"seconds": used.ru_utime + used.ru_stime, "wall": wall, "peak GiB": used.ru_maxrss / 2**20, **counts}
    print({name: round(value, 2) for name, value in row.items()})
    if asked.save:
        save("collab.jsonl", {"repeats": 1}, {"mirage-plus": row}, torch.device("cpu"))


if __name__ == "__main__":
    main()
