"""Claim: seconds and peak memory of one outer iteration of a recipe.

    python benchmarks/iteration.py RECIPE [--set KEY=VALUE ...] [--device cuda] [--save [DIR]]

The figures are those of `ddkit plan`: the mean of up to two iterations after one that compiles and captures, with an
untrained expert. The peak is the memory of the device. --save adds a line to iteration.jsonl in DIR (default
benchmarks/results).
"""

import argparse

import torch
from measure import RESULTS, save

import ddkit
from ddkit.jobs.recipes.resolve import resolve


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("recipe")
    ask.add_argument("--set", dest="overrides", action="append", default=[])
    ask.add_argument("--device", default="auto")
    ask.add_argument("--probe-seconds", type=float, default=30.0)
    ask.add_argument("--save", nargs="?", const=RESULTS, default=None, metavar="DIR")
    args = ask.parse_args()
    found = ddkit.plan(
        recipe=args.recipe, overrides=tuple(args.overrides), device=args.device, probe_seconds=args.probe_seconds
    )
    (stage,) = (stage for stage in found.stages if stage.name == "condensation")
    iterations = resolve(recipe=args.recipe, overrides=tuple(args.overrides))[0].method.total_iterations
    row = {"seconds": stage.seconds / iterations, "peak MiB": stage.memory / 2**20}
    print(args.recipe, {name: float(f"{value:.4g}") for name, value in row.items()}, f"({stage.basis})")
    if args.save:
        setting = {"row": args.recipe, "overrides": args.overrides, "basis": stage.basis}
        save("iteration.jsonl", setting, {"ours": row}, torch.device(found.device), args.save)


if __name__ == "__main__":
    main()
