"""Claim: the adjoint needs the activation memory of one step, and as a CUDA graph it is several times faster.

    python benchmarks/unroll.py [--device cuda] [--net "convnet(depth=3, width=128)"] [--side 32] [--channels 3]
                                [--batch 10] [--steps 50] [--repeats 7] [--save]

One outer gradient (images and learning rate) of the trajectory-matching loss by each engine, alternating in one
process; medians over the repeats. `reference` is the textbook: the whole autograd graph by create_graph=True, as
published code does it. `difference` is the relative one of the image gradients; on CUDA convolutions run in TF32, and
random data at N = 50 amplifies its rounding (in float64 the engines agree to 1e-10: tests/unroll). Peak memory is the
allocator's on CUDA; on a CPU it is not measured. --save adds a line to results/unroll.jsonl.
"""

import argparse
import datetime
import json
import platform
import subprocess
import time
from pathlib import Path
from statistics import median

import torch

from ddkit.jobs.environment import environment
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.unroll import matching_loss


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--device", default="cpu")
    ask.add_argument("--net", default="convnet(depth=3, width=128)")
    for name, default in (("side", 32), ("channels", 3), ("batch", 10), ("steps", 50), ("repeats", 7)):
        ask.add_argument(f"--{name}", type=int, default=default)
    ask.add_argument("--save", action="store_true")
    args = ask.parse_args()
    device = torch.device(args.device)
    cuda = device.type == "cuda"

    net = FlatNet(parse_net(args.net), (args.channels, args.side, args.side), 10)
    generator = stream(0, "benchmark")
    theta_0 = net.init(generator).to(device)
    theta_target = theta_0 + 0.02 * torch.randn(theta_0.shape, generator=generator).to(device)
    images = torch.randn(args.steps, args.batch, *net.shape, generator=generator).to(device).requires_grad_()
    labels = torch.randint(10, (args.steps, args.batch), generator=generator).to(device)
    lr = torch.tensor(0.01, device=device, requires_grad=True)

    engines = ("reference", "adjoint", "captured") if cuda else ("reference", "adjoint")
    seconds: dict[str, list[float]] = {engine: [] for engine in engines}
    peak: dict[str, float] = {}
    gradients = {}
    for repeat in range(-2, args.repeats):  # two warm-up rounds
        for engine in engines:
            if cuda:
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            held = torch.cuda.memory_allocated() if cuda else 0
            begin = time.perf_counter()
            loss = matching_loss(net, theta_0, theta_target, images, labels, lr, engine)
            gradients[engine] = torch.autograd.grad(loss, (images, lr))[0]
            del loss
            if cuda:
                torch.cuda.synchronize()
                peak[engine] = max(peak.get(engine, 0), (torch.cuda.max_memory_allocated() - held) / 2**20)
            if repeat >= 0:
                seconds[engine].append(time.perf_counter() - begin)

    textbook = median(seconds["reference"])
    rows = {}
    for engine in engines:
        error = float((gradients[engine] - gradients["reference"]).norm() / gradients["reference"].norm())
        row = {"seconds": median(seconds[engine]), "ratio": textbook / median(seconds[engine]), "difference": error}
        rows[engine] = row | ({"peak_MiB": round(peak[engine])} if cuda else {})
        print(engine, {name: float(f"{value:.4g}") for name, value in rows[engine].items()})
    if args.save:
        here = Path(__file__).parent
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=here)
        setting = {name: value for name, value in vars(args).items() if name != "save"}
        facts = {"date": datetime.date.today().isoformat(), "commit": commit.stdout.strip() or "unknown"}
        record = {**facts, **setting, "engines": rows, "environment": environment(device), "host": platform.processor()}
        with (here / "results" / "unroll.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
