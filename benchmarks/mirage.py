"""Claim: Mirage's distillation takes seconds on one core, and its time grows linearly with the number of graphs.

    DDKIT_DATA=FOLDER python benchmarks/mirage.py [--repeats 3] [--save]

A row measures everything after loading: colours, transactions, itemsets at the paper's thresholds, the set of distinct
trees.

- ogbg-molhiv: three hops, thresholds 1800 and 115, on the training graphs of the scaffold split. The authors' C++
  logged 41 to 47 s for its trees alone.
- NCI1: two hops, thresholds 440 and 570.
- Copies: NCI1's training graphs repeated 1, 2, 4 and 8 times, with multiplied thresholds, so that the itemsets stay the
  same. `per copy` is the time divided by the number of copies.

Seconds are processor seconds on one thread (`wall`: by the clock), medians over the repeats after a warm-up. --save
adds a line to benchmarks/results/mirage.jsonl.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from measure import save

from ddkit.graphs import GraphData, load_parts
from ddkit.methods import GraphContext
from ddkit.methods.mirage import Mirage, MirageSettings

COPIES = (1, 2, 4, 8)


def seconds(program: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median processor and clock seconds of a program, after one run to warm up."""
    program()
    processor, wall = [], []
    for _ in range(repeats):
        begin, clock = time.process_time(), time.perf_counter()
        program()
        processor.append(time.process_time() - begin)
        wall.append(time.perf_counter() - clock)
    return {"seconds": median(processor), "wall": median(wall)}


def main() -> None:
    """Print one line a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, dict[str, float]] = {}

    def measure(row: str, train: GraphData, settings: MirageSettings, **more: float) -> None:
        made = Mirage(settings, GraphContext(train, 0)).distil()
        rows[row] = seconds(lambda: Mirage(settings, GraphContext(train, 0)).distil(), asked.repeats)
        rows[row] |= {"nodes": len(train.node_label), "samples": len(made), **more}
        if "copies" in more:
            rows[row]["per copy"] = rows[row]["seconds"] / more["copies"]
        print(row, {name: round(value, 4) for name, value in rows[row].items()}, flush=True)

    measure("ogbg-molhiv", load_parts("ogbg-molhiv", 0).train, MirageSettings(hops=3, thresholds="1800,115"))
    train = load_parts("nci1", 0).train
    for copies in COPIES:
        several = train.subset(np.tile(np.arange(len(train)), copies))
        thresholds = f"{440 * copies},{570 * copies}"
        measure(f"nci1 x{copies}", several, MirageSettings(hops=2, thresholds=thresholds), copies=copies)
    if asked.save:
        save("mirage.jsonl", {"repeats": asked.repeats}, rows, torch.device("cpu"))


if __name__ == "__main__":
    main()
