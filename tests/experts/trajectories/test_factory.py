"""The factory: an expert depends neither on where it is trained nor on the experts beside it."""

import numpy as np
import pytest
import torch

from ddkit.data import DSA
from ddkit.errors import UsageError
from ddkit.experts import train_expert
from ddkit.experts.flat import FlatExperts
from ddkit.experts.trajectories.factory import in_stack, train_all
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.task import Task

DSA_ALL = DSA("color_crop_cutout_flip_scale_rotate")
SETTINGS = FlatExperts(batch=8, lr=0.1, seed=3)


def expected(task, expert):
    theta, losses = zip(*train_expert(task, SETTINGS, 2, stream(3, "expert", expert)), strict=True)
    return torch.stack(theta), list(losses)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("spec", ["convnet(depth=1, width=4)", "convnet(depth=1, width=4, norm=group)"])
def test_each_expert_is_the_one_of_its_number(real, monkeypatch, processes, spec):
    """With the fused step and with autograd, here and in processes of their own: the same bytes."""
    task = Task(real, FlatNet(parse_net(spec), (1, 8, 8), 3), DSA_ALL)
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: processes)
    trained = {expert: rest for expert, *rest in train_all(task, SETTINGS, 2, [4, 0, 7])}
    assert sorted(trained) == [0, 4, 7]
    for expert, (snapshots, losses) in trained.items():
        theta, means = expected(task, expert)
        assert torch.equal(snapshots, theta)
        assert losses.tolist() == pytest.approx(means, rel=0, abs=0, nan_ok=True)


def test_nobody_to_train(real, net):
    assert list(train_all(Task(real, net, DSA_ALL), SETTINGS, 2, [])) == []


@pytest.mark.gpu
def test_stacks_on_a_gpu_are_the_experts_of_the_cpu(gpu, real, net):
    """Ten experts: a full stack and a part of one."""
    trained = list(train_all(Task(real.to(gpu), net, DSA_ALL), SETTINGS, 2, range(10)))
    assert sorted(expert for expert, _, _ in trained) == list(range(10))
    for expert, snapshots, losses in trained:
        theta, means = expected(Task(real, net, DSA_ALL), expert)
        assert not snapshots.is_cuda and torch.equal(snapshots[0], theta[0])
        assert (snapshots[-1] - theta[-1]).norm() < 0.01 * (theta[-1] - theta[0]).norm()
        assert losses[1:].tolist() == pytest.approx(means[1:], rel=1e-2)


@pytest.mark.parametrize(("fitting", "groups"), [(11, [11]), (8, [5, 6]), (3, [2, 3, 3, 3]), (1, [1] * 11)])
def test_a_stack_that_does_not_fit_is_halved(real, net, fitting, groups):
    trained, reports = [], []

    def train(task, numbers, report):
        if len(numbers) > fitting:
            report(len(numbers))  # memory may end after some epochs
            raise torch.OutOfMemoryError("CUDA out of memory")
        trained.append(len(numbers))
        for epochs in (1, 2):
            report(epochs * len(numbers))
        return np.stack([np.array(numbers)] * 2), np.stack([np.array(numbers)] * 2)

    snapshots, losses = in_stack(train, Task(real, net, DSA_ALL), tuple(range(11)), reports.append)
    assert trained == groups and reports[-1] == 22
    assert snapshots.tolist() == losses.tolist() == [list(range(11))] * 2


def test_one_expert_that_does_not_fit_is_one_line(real, net):
    def train(task, numbers, report):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UsageError, match=r"a single one does not fit .* lower experts.batch"):
        in_stack(train, Task(real, net, DSA_ALL), (0, 1, 2, 3), lambda epochs: None)
