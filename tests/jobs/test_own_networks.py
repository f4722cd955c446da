"""Jobs on a user's networks: every kind of method, teachers, evaluation; objects of Python; sets that name code."""

from pathlib import Path
from types import SimpleNamespace

import own_nets
import pytest
import torch
from listener import Listener
from torch import nn

import ddkit
from ddkit.cli.main import run
from ddkit.errors import UsageError
from ddkit.nets import table

QUICK = ("evaluate.nets=2", "evaluate.steps=2", "evaluate.epochs=1", "evaluate.whole=false")
EXPERTS = ("experts.count=1", "method.max_start_epoch=1", "method.expert_epochs=1", "method.syn_steps=2")
METHODS = {
    "mtt": (*EXPERTS, "method.iterations=2"),
    "dc": ("method.iterations=2",),
    "dsa": ("method.iterations=2",),
    "dm": ("method.iterations=2",),
    "infer": ("method.iterations=2", "experts.epochs=1", "experts.nets={net}", "experts.lr=0.01"),
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> str:
    (tmp_path / "nets").mkdir()
    return own_nets.write(tmp_path / "nets", monkeypatch)


@pytest.fixture
def made(own: str, tmp_path: Path) -> Path:
    """A run folder of a set that was made with a user's network."""
    ddkit.condense("random", ipc=1, overrides=(f"net.name={own}plain", *QUICK), out=tmp_path / "made", evaluate=False)
    return tmp_path / "made"


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_every_kind_run(method: str, own: str, tmp_path: Path) -> None:
    net = own + ("small" if method == "infer" else "Attends")
    more = tuple(text.format(net=net) for text in METHODS[method])
    heard = Listener()
    found = ddkit.condense(
        method, ipc=1, overrides=(f"net.name={net}", *more, *QUICK), out=tmp_path / "run", meter=heard
    )
    assert found.set.facts.net.startswith(net + "@") and found.evaluation is not None
    assert found.set.images.isfinite().all() and all(0 <= score.mean <= 1 for score in found.evaluation.scores)
    assert any(line.endswith("ownnets.py") and net in line for line in heard.lines)
    assert any("dropout" in line and "is off" in line for line in heard.lines)


def test_a_buffer_and_a_resumed_run_belong_to_one_version_of_the_code(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    overrides = (f"net.name={own}plain", *METHODS["mtt"], *QUICK)

    def condense(out: str, resume: bool = False) -> None:
        ddkit.condense(
            "mtt", ipc=1, overrides=() if resume else overrides, out=tmp_path / out, evaluate=False, resume=resume
        )

    condense("one")
    condense("two")
    assert len(list((home / "buffers").iterdir())) == 1
    own_nets.write(tmp_path / "nets", monkeypatch, own_nets.NETS.replace("nn.Softplus()", "nn.Tanh()"))
    with pytest.raises(UsageError, match="the code of module 'ownnets' has changed"):
        condense("one", resume=True)
    condense("three")
    assert len(list((home / "buffers").iterdir())) == 2


def test_a_set_never_has_code_imported_that_the_user_does_not_name(
    own: str, made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(table, "_NAMED", set())
    evaluate = ["evaluate", str(made), "--no-baselines", *(part for text in QUICK for part in ("--set", text))]
    assert run(evaluate) == 2
    assert "imports only code that you name; give --net py:ownnets:plain" in capsys.readouterr().err
    assert run([*evaluate, "--net", "mlp(width=4)"]) == 0  # other networks need no word
    assert run([*evaluate, "--net", own + "plain"]) == 0


def test_evaluation_takes_a_module_and_a_function_and_is_that_of_the_named_network(own: str, made: Path) -> None:
    import ownnets

    def scores(net: object) -> list[float]:
        found = ddkit.evaluate(made, net=net, overrides=QUICK, baselines=False)  # type: ignore[arg-type]
        return found.scores[0].accuracies

    named = scores(own + "plain")
    assert scores(ownnets.plain) == named
    assert scores(lambda channels, size, classes: ownnets.plain(channels, size, classes)) == named
    with torch.random.fork_rng():
        module = ownnets.plain(1, (8, 8), 10)
    before = [value.clone() for value in module.parameters()]
    assert len(scores(module)) == 2
    assert all(map(torch.equal, before, module.parameters()))  # its own parameters stay


def test_objects_that_cannot_work_are_one_line(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Token(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(3))

    with pytest.raises(UsageError, match=r"net 'Token': parameter 'token' belongs to no layer with `reset_parameters`"):
        ddkit.evaluate(made, net=Token(), overrides=QUICK)
    with pytest.raises(UsageError, match=r"is called as factory\(channels, size, classes\).* but it takes 1 arg"):
        ddkit.evaluate(made, net=lambda x: x, overrides=QUICK)
    monkeypatch.setattr("ddkit.jobs.tables.images.executor_in_use", lambda: SimpleNamespace(name="slurm"))
    with pytest.raises(UsageError, match=r"exists only in this process, but executor 'slurm'"):
        ddkit.evaluate(made, net=nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), overrides=QUICK)


def test_pretrained_weights_are_refused_where_networks_begin_untrained(made: Path, tmp_path: Path) -> None:
    pytest.importorskip("timm")
    with pytest.raises(UsageError, match=r"starts from pretrained weights, which only teachers may"):
        ddkit.evaluate(made, net="timm:resnet10t(pretrained=true)", overrides=QUICK)
    with pytest.raises(UsageError, match=r"starts from pretrained weights, which only teachers may"):
        ddkit.condense("dm", overrides=("net.name=timm:resnet10t", "net.pretrained=true"), out=tmp_path / "run")
