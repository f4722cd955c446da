"""Two ranks make the set that one process makes: every method that divides its work, in float64, 20 iterations."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from together import together

from ddkit.errors import UsageError
from ddkit.experts import Ensemble
from ddkit.methods import Context, method_class
from ddkit.methods.division import refuse_undivided
from ddkit.methods.table import METHODS
from ddkit.nets import FlatNet, parse_net
from ddkit.ranks import Ranks

STEPS = 20
WALK = {"syn_steps": 4, "expert_epochs": 2, "max_start_epoch": 2, "lr_teacher": 0.05, "lr_lr": 1e-3, "lr_img": 5.0}
BATCH = {"batch_syn": 5, "ipc": 3}  # five rows in two shares
NCFM = {"ipc": 2, "batch_real": 4, "frequencies": 40, "expert_epochs": 2, "calibrations": 1, "lr_img": 0.01}
NCFM |= {"iterations": STEPS}
SOFT = {"lr_y": 1.0, "teacher_epoch": 2, "threshold": 1.2, "current_max_start_epoch": None}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dc": ("dc", {"ipc": 2, "outer_loop": 3, "inner_loop": 2, "batch_real": 4, "batch_train": 4}),
    "dc, batch norm": ("dc", {"ipc": 2, "outer_loop": 3, "inner_loop": 2, "batch_real": 4}),
    "dsa, fyi": ("dsa", {"ipc": 2, "outer_loop": 3, "inner_loop": 1, "batch_real": 4, "fyi": True}),
    "dm": ("dm", {"ipc": 2, "batch_real": 4}),
    "ncfm": ("ncfm", NCFM),
    "ncfm-release": ("ncfm-release", NCFM | {"state": "class", "fyi": True}),
    "mtt": ("mtt", WALK | BATCH),
    "mtt, two walks": ("mtt", WALK | BATCH | {"trajectories": 2}),
    "mtt, batch norm, two walks": ("mtt", WALK | BATCH | {"trajectories": 2}),
    "mtt, no tapes": ("mtt", WALK | BATCH | {"memory": 0}),
    "ftd, nearest": ("ftd", WALK | BATCH | {"match": "nearest", "ema_decay": 0.9}),
    "ast, fyi": ("ast", WALK | {"ipc": 3, "batch_syn": 6, "fyi": True, "pix_init": "real", "middle_loss": "agg"}),
    "datm": ("datm", WALK | BATCH | SOFT),
    "datm, two walks": ("datm", WALK | BATCH | SOFT | {"trajectories": 2}),
    "sre2l, sets": ("sre2l", {"ipc": 3, "iterations": STEPS}),
    "sre2l, parts": ("sre2l", {"ipc": 2, "iterations": STEPS // 2, "batch": 2, "r_bn": 1.0}),
    "infer": ("infer", {"ipc": 2, "iterations": STEPS // 2, "batch": 2, "bn_distance": "relative"}),
    "infer, fyi": ("infer", {"ipc": 2, "iterations": STEPS // 2, "batch": 3, "fyi": True, "crop": True}),
}

RELATIVES = {"att", "pad", "edf", "tesla", "best"}
"""Trajectory methods that differ from the cases only in their default settings."""


@pytest.fixture
def method_of(in_float64: Callable[..., Context], make_context: Callable[..., Context]) -> Callable[..., Any]:
    """method_of(case, ranks): the method on data, experts and teachers in float64."""

    ensemble = make_context("teacher").teachers
    assert ensemble is not None

    def build(case: str, ranks: Ranks) -> Any:
        name, settings = CASES[case]
        norm = "batch" if "batch norm" in case else "instance"
        context = in_float64(f"convnet(depth=1, width=4, norm={norm})", "color_crop_scale")
        teachers = [
            dataclasses.replace(b, theta=b.theta.double(), stats={n: v.double() for n, v in b.stats.items()})
            for b in ensemble
        ]
        context = dataclasses.replace(context, teachers=Ensemble(tuple(teachers)), ranks=ranks)
        cls = method_class(name)
        return cls(cls.settings_class(**settings), context)

    return build


def learned(method: Any) -> dict[str, torch.Tensor]:
    """All floating-point tensors of the state after 20 iterations, and all losses."""
    state, losses = method.init(), []
    for _ in range(STEPS):
        state, metrics = method.step(state)
        losses.append(torch.as_tensor(metrics["loss"], dtype=torch.float64))
    fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    tensors = {name: value for name, value in fields.items() if isinstance(value, torch.Tensor)}
    return tensors | {"losses": torch.stack(losses)}


def test_two_ranks_learn_what_one_process_learns(method_of: Callable[..., Any]) -> None:
    alone = {case: learned(method_of(case, Ranks())) for case in CASES}
    for made in together(lambda ranks: {case: learned(method_of(case, ranks)) for case in CASES}):
        for case, state in alone.items():
            for name, value in state.items():
                difference = (made[case][name].double() - value.double()).abs().max() if value.numel() else 0.0
                assert difference <= 1e-10, f"{case}, {name}: {difference}"
            assert len(set(state["losses"].tolist())) == STEPS, case


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_divided_or_refuses_several_ranks(name: str) -> None:
    settings = method_class(name).settings_class
    refuse_undivided(name, settings.divided, Ranks())
    if name in {case for case, _ in CASES.values()} | RELATIVES:
        assert settings.divided
        refuse_undivided(name, settings.divided, Ranks(0, 2))
        return
    with pytest.raises(UsageError, match=f"method '{name}': runs in one process, and torchrun started 2"):
        refuse_undivided(name, settings.divided, Ranks(0, 2))


@pytest.mark.parametrize(
    ("name", "settings", "net", "ranks", "line"),
    [
        ("dc", {}, "convnet", 4, "method 'dc': divides 3 classes, which is less than the 4 processes"),
        ("sre2l", {}, "convnet", 4, "method 'sre2l': divides 3 classes, which is less than the 4 processes"),
        (
            "ncfm-release",
            {},
            "convnet",
            2,
            "method 'ncfm-release': with method.state=all the classes",
        ),
        ("dm", {}, "convnet(norm=batch)", 2, "method 'dm': passes all classes through a network with batch norm"),
        ("mtt", {"ipc": 2}, "convnet", 7, "method 'mtt': divides 6 images of a batch, which is less than the 7"),
        ("mtt", {"ipc": 2, "batch_syn": 3}, "convnet", 4, "method 'mtt': divides 3 images of a batch"),
        ("mtt", {"trajectories": 3}, "convnet", 2, "method.trajectories=3: cannot be divided over 2 processes"),
        ("mtt", {}, "convnet(norm=batch)", 2, "method 'mtt': 2 processes divide every batch of the student"),
        ("mtt", {"engine": "reference"}, "convnet", 2, "method.engine=reference: cannot divide a batch"),
    ],
)
def test_work_that_cannot_be_divided_is_refused(
    name: str, settings: dict[str, Any], net: str, ranks: int, line: str
) -> None:
    flat = FlatNet(parse_net(net), (1, 8, 8), 3)
    with pytest.raises(UsageError, match=re.escape(line)):
        method_class(name).settings_class(**settings).refuse_ranks(ranks, flat)


def test_work_that_can_be_divided_is_accepted() -> None:
    plain, norms = (FlatNet(parse_net(spec), (1, 8, 8), 3) for spec in ("convnet", "convnet(norm=batch)"))
    for name, settings, net, ranks in [
        ("dc", {}, norms, 3),
        ("mtt", {"ipc": 2}, plain, 6),
        ("mtt", {"trajectories": 4}, norms, 2),
        ("infer", {}, norms, 3),
    ]:
        method_class(name).settings_class(**settings).refuse_ranks(ranks, net)
