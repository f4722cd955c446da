"""Claim: ddkit trains plain, flat and smooth experts several times as fast as published code, on a CPU.

    python benchmarks/experts.py ROW ... [--experts 8] [--epochs N] [--repeats 3] [--save [DIR]]

`ours` is `ddkit.experts.trajectories.factory.train_all`. The textbook repeats published code in our words: it trains
one expert after another, with a module, a DataLoader over a TensorDataset, DSA on each batch and SGD. For flat
experts it applies GSAM to the module's parameters, for smooth experts it differentiates twice for the gradient penalty.
It runs on all threads, and for small images also on one thread, as ddkit does (ddkit/jobs/machine/threads.py). All
programs start from the same initialisations and train in turn in one process. Times are medians over the repeats and
include draws, augmentation and the start of processes.

- `ratio`: the time of the faster textbook, divided by ours.
- `difference`: of theta after one step from the same theta on the same batch, relative to the step's length, for three
  experts: the median in float32 (where a ReLU at its kink may move one of them) and the largest in float64.
- `accuracy`: the mean on the validation part at the end, with its standard error. Orders and augmentations are drawn
  differently, so only their distributions agree.
- `share`: the FLOP floor divided by the time. The floor is 2.93 forward passes an image for plain, 5.86 for flat and
  8.93 for smooth experts (slope 2, its derivative 4), at the rate of a 3x3 convolution (the network's second, at the
  batch size) on all cores, measured in the same run.

Rows: see ROWS. Rows of CIFAR-10 use the first 5,000 images of cifar10.npz in DDKIT_DATA. --save adds a line for each
row to experts.jsonl in DIR (default benchmarks/results).
"""

import argparse
from dataclasses import dataclass, replace
from functools import partial
from statistics import mean, median, stdev

import torch
import torch.nn.functional as F
from measure import RESULTS, alternate, convolution_rate, forward_flops, save, summary
from torch import Generator, Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ddkit.data import DSA, DataSettings, ImageData, RealData, load_images, prepare
from ddkit.experts import ExpertSettings, expert_settings
from ddkit.experts.batches import Batch
from ddkit.experts.flat import FlatExperts
from ddkit.experts.train import one_by_one, stacked
from ddkit.experts.trajectories.factory import train_all
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.nets import FlatNet, accuracy, parse_net
from ddkit.randomness import stream
from ddkit.steps import step_for
from ddkit.task import Task

FLOOR = {"plain": 2.93, "flat": 5.86, "smooth": 8.93}
IMAGES = 5000


@dataclass(frozen=True)
class Row:
    """One setting; --epochs replaces `epochs`."""

    data: str
    net: str
    kind: str
    batch: int
    lr: float
    epochs: int
    device: str = "cpu"


D2, D3 = "convnet(depth=2, width=32)", "convnet(depth=3, width=128)"
ROWS = {
    f"{name}-{kind}": Row(data, net, kind, batch, lr / 5 if kind == "smooth" else lr, epochs, device)
    for name, data, net, batch, lr, epochs, device in (
        ("digits", "digits", D2, 64, 0.05, 10, "cpu"),
        ("digits-256", "digits", D2, 256, 0.1, 10, "cpu"),
        ("cifar10", "cifar10", D3, 256, 0.01, 1, "cpu"),
        ("cifar10-cuda", "cifar10", D3, 256, 0.01, 10, "cuda"),
    )
    for kind in ("plain", "flat", "smooth")  # smooth ones have momentum 0.9
}
TOY = {"net": "convnet(depth=3, width=8)", "device": "cpu"}
AUGMENT = {"digits": "color_crop_cutout_scale_rotate", "cifar10": "color_crop_cutout_flip_scale_rotate"}


def textbook(
    net: FlatNet, real: RealData, settings: ExpertSettings, dsa: DSA, epochs: int, thetas: list[Tensor]
) -> list[Tensor]:
    """The final parameters [P] of experts that start at `thetas`."""
    return [_expert(net, real, settings, dsa, epochs, theta, stream(i, "textbook")) for i, theta in enumerate(thetas)]


def _expert(
    net: FlatNet, real: RealData, settings: ExpertSettings, dsa: DSA, epochs: int, theta: Tensor, draw: Generator
) -> Tensor:
    part = real.train
    loader = DataLoader(TensorDataset(part.images, part.labels), settings.batch, shuffle=True, generator=draw)
    module = _module(net, theta)
    optimiser = torch.optim.SGD(
        module.parameters(), lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    snapshots = [[p.detach().clone().cpu() for p in module.parameters()]]
    for epoch in range(epochs):
        total = 0.0
        for plain, labels in loader:
            params = dsa.sample(draw, 1, len(labels), (plain.shape[-2], plain.shape[-1]))
            images = dsa.apply(plain[None], params)[0]
            total += _step(module, optimiser, images, labels, plain, settings, epoch) * len(labels)
        snapshots.append([p.detach().clone().cpu() for p in module.parameters()])
    return nn.utils.parameters_to_vector(module.parameters()).detach()


def _module(net: FlatNet, theta: Tensor) -> nn.Module:
    module = net.settings.build(net.shape, net.classes).to(theta)
    nn.utils.vector_to_parameters(theta.clone(), module.parameters())
    return module


def _step(
    module: nn.Module,
    optimiser: torch.optim.SGD,
    images: Tensor,
    labels: Tensor,
    plain: Tensor,
    settings: ExpertSettings,
    epoch: int,
) -> float:
    """One step of SGD, or of SGD along GSAM's direction, which stands in the gradients' place. The loss."""
    optimiser.zero_grad()
    loss = settings.loss_scale(epoch) * F.cross_entropy(module(images), labels)
    if settings.penalty:  # per pixel, as in AST's code
        x = plain.detach().requires_grad_()
        (slope,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
        loss = loss + settings.penalty * (slope.norm(2, dim=1) - 1).square().mean()
    loss.backward()
    if isinstance(settings, FlatExperts):
        _gsam(module, images, labels, settings)
    optimiser.step()
    return loss.item()


def _gsam(module: nn.Module, images: Tensor, labels: Tensor, settings: FlatExperts) -> None:
    """From the gradients g to GSAM's direction, parameter by parameter as in the published optimisers."""
    parameters = [p for p in module.parameters() if p.grad is not None]
    first = [p.grad.clone() for p in parameters]
    with torch.no_grad():
        norm = torch.stack([(p.abs() * g).norm() for p, g in zip(parameters, first, strict=True)]).norm()
        moves = [settings.rho * p.square() * g / (norm + 1e-12) for p, g in zip(parameters, first, strict=True)]
        for p, move in zip(parameters, moves, strict=True):
            p.add_(move)
    module.zero_grad()
    F.cross_entropy(module(images), labels).backward()
    with torch.no_grad():
        for p, move in zip(parameters, moves, strict=True):
            p.sub_(move)
        inner = sum((g * p.grad).sum() for p, g in zip(parameters, first, strict=True))
        square = sum(p.grad.square().sum() for p in parameters)
        for p, g in zip(parameters, first, strict=True):
            p.grad -= settings.alpha * (g - inner / (square + 1e-12) * p.grad)


def step_differences(net: FlatNet, real: RealData, settings: ExpertSettings, theta: Tensor) -> list[float]:
    """|our step - the textbook's| / |the textbook's|, one step of each expert from theta [E, P] on one batch."""
    x, y = real.train.images[: settings.batch].to(theta.dtype), real.train.labels[: settings.batch]
    xs, ys = x.expand(len(theta), *x.shape), y.expand(len(theta), *y.shape)
    if theta.is_cuda:
        _, directions = stacked(net, settings, 0, theta, Batch(xs, ys, xs))
    else:
        _, directions = one_by_one(step_for(net, theta), settings, 0, theta, Batch(xs, ys, xs))
    differences = []
    for before, direction in zip(theta, directions, strict=True):
        module = _module(net, before)
        _step(module, torch.optim.SGD(module.parameters(), lr=settings.lr), x, y, x, settings, 0)
        step = before - nn.utils.parameters_to_vector(module.parameters()).detach()
        differences.append(float((settings.lr * direction - step).norm() / step.norm()))
    return differences


def real_data(row: Row) -> RealData:
    if row.data == "digits":
        return prepare(load_images("digits"), DataSettings(name="digits"))
    whole = load_images(row.data)
    few = ImageData(
        **{**vars(whole), "train_images": whole.train_images[:IMAGES], "train_labels": whole.train_labels[:IMAGES]}
    )
    return prepare(few, DataSettings(name=whole.name))


def measured(name: str, row: Row, experts: int, epochs: int | None, repeats: int, keep: str | None) -> None:
    device, epochs = torch.device(row.device), epochs or row.epochs
    real = real_data(row).to(device)
    net = FlatNet(parse_net(row.net), tuple(real.train.images.shape[1:]), len(real.data.classes))
    settings, dsa = expert_settings(row.kind)(batch=row.batch, lr=row.lr), DSA(AUGMENT[row.data])
    thetas = [net.init(stream(settings.seed, "expert", expert)).to(device) for expert in range(experts)]
    ended: dict[str, list[Tensor]] = {}

    def ours() -> None:
        with fitting_threads(net.shape):
            grown = train_all(Task(real, net, dsa), settings, epochs, range(experts))
            ended["ours"] = [snapshots[-1].to(device) for _, snapshots, _ in grown]

    def published(threads: int) -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        ended[f"textbook-{threads}"] = textbook(net, real, settings, dsa, epochs, thetas)
        torch.set_num_threads(before)

    with fitting_threads(net.shape):
        threads = {torch.get_num_threads()}
    programs = {f"textbook-{n}": partial(published, n) for n in sorted({*threads, torch.get_num_threads()})}
    seconds = alternate({"ours": ours, **programs}, repeats, device)
    rows = summary(seconds, min(programs, key=lambda program: median(seconds[program])))
    steps = experts * epochs * -(-len(real.train) // row.batch)
    channels, side = net.unflatten(thetas[0])["body.0.weight"].shape[0], net.shape[-1] // 2
    rate = convolution_rate(channels, side, row.batch, device)
    floor = FLOOR[row.kind] * forward_flops(net) * experts * epochs * len(real.train) / rate
    for program, facts in rows.items():
        facts["ms_per_step"] = facts["seconds"] / steps * 1e3
        facts["share"] = floor / facts["seconds"]
        validation = real.validation
        accuracies = [accuracy(net, theta, validation.images, validation.labels) for theta in ended[program]]
        facts |= {"accuracy": mean(accuracies), "accuracy_se": stdev(accuracies) / len(accuracies) ** 0.5}
        print(name, program, {key: float(f"{value:.4g}") for key, value in facts.items()}, flush=True)
    few = torch.stack(thetas[:3])
    difference = (
        median(step_differences(net, real, settings, few)),
        max(step_differences(net, real, settings, few.double())),
    )
    print(
        name,
        f"difference {difference[0]:.2g}, in float64 {difference[1]:.2g}; convolution {rate / 1e9:.0f} GFLOP/s",
        flush=True,
    )
    if keep:
        setting = {"row": name, **vars(row), "epochs": epochs, "experts": experts, "images": len(real.train)}
        setting |= {"repeats": repeats, "difference": difference, "gflops": rate / 1e9}
        save("experts.jsonl", setting, rows, device, keep)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("rows", nargs="+", choices=ROWS, metavar="ROW", help=", ".join(ROWS))
    ask.add_argument("--experts", type=int, default=8)
    ask.add_argument("--epochs", type=int)
    ask.add_argument("--repeats", type=int, default=3)
    ask.add_argument(
        "--save", nargs="?", const=RESULTS, metavar="DIR", help="add a line to DIR (default benchmarks/results)"
    )
    ask.add_argument("--rehearse", action="store_true", help="a row of CUDA on the CPU, at toy size")
    args = ask.parse_args()
    for name in args.rows:
        row = replace(ROWS[name], **TOY) if args.rehearse else ROWS[name]
        measured(name, row, args.experts, args.epochs, args.repeats, args.save)


if __name__ == "__main__":
    main()
