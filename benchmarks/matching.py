"""Claim: the time of a step of each method with FYI and without, and of DC and DSA compared with published code.

    python benchmarks/matching.py [HOST ...] [--ipc 1 10 50] [--data NAME] [--net SPEC] [--repeats 9] [--device cpu]

The benchmark runs one outer iteration of each method (HOST), without and with FYI, in turn in one process. Times are
medians over the repeats.

- `fyi`: the time with FYI, divided by the time without.
- `loop_fyi`: the same for dc and dsa with one epoch of their inner loop.
- `textbook`: the time of dc and dsa as published code computes them, divided by ours. Published code computes two
  gradients by autograd and a second backward pass through the synthetic one.
- `difference`: the relative difference of the images' steps for the same draws.

Real data: digits, or another dataset by name. Experts are two random walks; their values do not change the time.
--save adds a line to matching.jsonl in DIR (default benchmarks/results).
"""

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from measure import RESULTS, alternate, save
from torch import Tensor

from ddkit.data import DSA, DataSettings, load_images, prepare
from ddkit.experts import Trajectories
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.methods import Context, method_class
from ddkit.methods.gradient import GradientMatching
from ddkit.methods.gradient_distance import gradient_distance
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.task import Task

HOSTS = ("mtt", "ftd", "ast", "datm", "dc", "dsa", "dm")
AUGMENT = "color_crop_cutout_scale_rotate"  # no flip: ddkit refuses flips of digits


@dataclasses.dataclass(frozen=True)
class Walks(Trajectories):
    """Two untrained experts; every later epoch equals their first."""

    rows: Tensor = dataclasses.field(default_factory=lambda: torch.empty(0))

    def row(self, expert: int, epoch: int) -> Tensor:
        return self.rows[expert, min(epoch, 1)]


def bench(data: str, net: str, device: torch.device) -> Context:
    """Data, network, augmentation and untrained experts."""
    real = prepare(load_images(data), DataSettings(name=data)).to(device)
    flat = FlatNet(parse_net(net), real.data.shape, real.data.class_count)
    draw = stream(0, "bench")
    start = torch.stack([flat.init(draw) for _ in range(2)])
    rows = torch.stack([start, start + 0.01 * torch.randn(start.shape, generator=draw)], 1).to(device)
    walks = Walks(buffer=None, count=2, device=device, rows=rows)  # type: ignore[arg-type]
    return Context(Task(real, flat, DSA(AUGMENT)), 0, walks)


def host(name: str, context: Context, ipc: int, batch: int, inner: int, fyi: bool) -> Callable[[], Any]:
    """A program that runs one step from the initial state."""
    cls = method_class(name)
    known = {field.name for field in dataclasses.fields(cls.settings_class)}
    wanted = {"ipc": ipc, "fyi": fyi, "batch_real": batch, "outer_loop": 2, "inner_loop": inner}
    wanted |= {"syn_steps": 10, "expert_epochs": 1, "max_start_epoch": 1}
    method = cls(cls.settings_class(**{key: value for key, value in wanted.items() if key in known}), context)
    state = method.init()
    return lambda: method.step(state)[0].images


def textbook(name: str, context: Context, ipc: int, batch: int) -> Callable[[], Any]:
    """The same step of dc or dsa as published code computes it."""
    cls = method_class(name)
    settings = cls.settings_class(ipc=ipc, batch_real=batch, outer_loop=2, inner_loop=0)
    method = cls(settings, context)
    assert isinstance(method, GradientMatching)
    state, net, side = method.init(), context.net, context.real.data.shape[1:]

    def step() -> Tensor:
        generator = torch.Generator()
        generator.set_state(state.rng)
        images = state.images.clone().requires_grad_()
        total = torch.zeros((), device=images.device)
        for c, own in enumerate(images.split(ipc)):
            real = method._real.images(method._real.draw(c, batch, generator))
            if settings.augmented:
                params = context.dsa.sample(generator, 1, None, side)
                real, own = context.dsa.apply(real[None], params)[0], context.dsa.apply(own[None], params)[0]
            theta = state.theta.clone().requires_grad_()
            label = torch.full((1,), c, device=images.device)
            (target,) = torch.autograd.grad(F.cross_entropy(net(theta, real), label.expand(len(real))), theta)
            loss = F.cross_entropy(net(theta, own), label.expand(len(own)))
            (found,) = torch.autograd.grad(loss, theta, create_graph=True)
            total = total + gradient_distance(net, target, found, settings.dis_metric)
        (gradient,) = torch.autograd.grad(total, images)
        return state.images - settings.lr_img * gradient

    return step


def measured(name: str, context: Context, ipc: int, batch: int, repeats: int) -> dict[str, float]:
    """Seconds and ratios of one method at one size."""
    loops = (0, 1) if name in ("dc", "dsa") else (0,)
    programs = {(inner, fyi): host(name, context, ipc, batch, inner, fyi) for inner in loops for fyi in (False, True)}
    named: dict[Any, Callable[[], Any]] = dict(programs)
    if len(loops) > 1:
        named["textbook"] = textbook(name, context, ipc, batch)
    found = alternate(named, repeats, context.device)
    seconds = {key: sorted(runs)[len(runs) // 2] for key, runs in found.items()}
    row = {"seconds": seconds[0, False], "fyi": seconds[0, True] / seconds[0, False]}
    if "textbook" in named:
        row["loop_fyi"] = seconds[1, True] / seconds[1, False]
        row["textbook"] = seconds["textbook"] / seconds[0, False]
        ours, theirs, begun = programs[0, False](), named["textbook"](), method_begin(name, context, ipc, batch)
        row["difference"] = float((ours - theirs).norm() / (theirs - begun).norm())
    return row


def method_begin(name: str, context: Context, ipc: int, batch: int) -> Tensor:
    """The initial images of a method."""
    cls = method_class(name)
    return cls(cls.settings_class(ipc=ipc, batch_real=batch), context).init().images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hosts", nargs="*", default=HOSTS)
    parser.add_argument("--ipc", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--data", default="digits")
    parser.add_argument("--net", default="convnet(depth=2, width=32)")
    parser.add_argument("--batch", type=int, default=256, help="real images of a class")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--save", nargs="?", const=RESULTS, metavar="DIR", help="add a line to DIR (default benchmarks/results)"
    )
    asked = parser.parse_args()
    device = torch.device(asked.device)
    context = bench(asked.data, asked.net, device)
    rows = {}
    with fitting_threads(context.net.shape):
        for name in asked.hosts:
            for ipc in asked.ipc:
                row = measured(name, context, ipc, asked.batch, asked.repeats)
                rows[f"{name}-ipc{ipc}"] = row
                print(
                    f"{name:4} ipc {ipc:3}  " + "  ".join(f"{key} {value:.3g}" for key, value in row.items()),
                    flush=True,
                )
    if asked.save:
        setting = {"data": asked.data, "net": asked.net, "batch": asked.batch, "repeats": asked.repeats}
        save("matching.jsonl", setting, rows, device, asked.save)


if __name__ == "__main__":
    main()
