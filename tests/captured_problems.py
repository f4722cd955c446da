"""Matching problems for the tests of captured graphs, and how their gradients are compared."""

import functools
import warnings
from contextlib import contextmanager

import torch

from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.unroll import Waypoint, largest, matching_loss

SIDE, CLASSES, STEPS, BATCH = 8, 3, 4, 3

OPTIONS = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "nearest": {"match": "nearest"},
    "detached": {"gradient": "detached"},
    "largest": {"weights": largest(0.5)},
    "weights": {"weights": ...},
    "waypoints": {"waypoints": ...},
    "no kept step": {"memory": 0},
    "some kept steps": {"memory": 60_000, "momentum": 0.9, "match": "nearest", "weights": largest(0.75)},
}


@functools.cache  # one network, so that a GPU compiles its step once
def network(norm="instance", width=4):
    return FlatNet(parse_net(f"convnet(depth=2, width={width}, norm={norm})"), (2, SIDE, SIDE), CLASSES)


def arguments(net, seed, device="cpu", option="plain", soft=True, steps=STEPS, dtype=torch.float64):
    """A matching problem of which every number depends on the seed."""
    draw = stream(seed, "captured")

    def random(*shape):
        return torch.randn(*shape, generator=draw, dtype=dtype).to(device)

    start, target = (net.init(draw, dtype).to(device) for _ in range(2))
    labels = random(steps, BATCH, CLASSES).softmax(-1)
    options = dict(OPTIONS[option])
    if "weights" in options and options["weights"] is ...:
        options["weights"] = random(net.parameters).sigmoid()
    if "waypoints" in options:
        options["waypoints"] = [Waypoint(1, start + 0.1 * random(net.parameters)), Waypoint(3, target, 0.5)]
    return {
        "theta_0": start,
        "theta_target": target,
        "images": random(steps, BATCH, 2, SIDE, SIDE),
        "labels": labels if soft else labels.argmax(-1),
        "lr": random(steps).sigmoid() / 10,
        **options,
    }


def several(net, count, device="cpu", option="plain"):
    """A matching problem of `count` trajectories, with the options of the first."""
    problems = [arguments(net, seed, device, option) for seed in range(count)]
    stacked = ("theta_0", "theta_target", "images", "labels", "lr")
    return problems[0] | {name: torch.stack([problem[name] for problem in problems]) for name in stacked}


def gradients(net, engine, images, labels, lr, **options):
    """The loss, and its gradients for images, lr and soft labels."""
    leaves = [images.clone().requires_grad_(), lr.clone().requires_grad_()]
    if labels.is_floating_point():
        labels = labels.clone().requires_grad_()
        leaves.append(labels)
    loss = matching_loss(net, images=leaves[0], labels=labels, lr=leaves[1], engine=engine, **options)
    return loss.detach(), *torch.autograd.grad(loss, leaves)


def agree(found, wanted, tolerance=1e-10):
    for mine, oracle in zip(found, wanted, strict=True):
        assert oracle.norm() > 0
        assert (mine - oracle).norm() <= tolerance * oracle.norm()


@contextmanager
def no_slower_way():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*which is slower")
        yield


def without_memory(problem):
    return {key: value for key, value in problem.items() if key != "memory"}
