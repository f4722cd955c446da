"""Third parties' networks, data, protocols and augmentations, found by entry points of a package beside this file."""

from pathlib import Path

import pytest
import torch

import ddkit
from ddkit.cli.main import run
from ddkit.data import DSA, load_images
from ddkit.data.augment_operations import operation
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import paper_protocol
from ddkit.nets import parse_net
from ddkit.randomness import stream

HERE = Path(__file__).parent
PARTS = {"nets": "toy-linear", "data": "toy-stripes", "protocols": "paper-toy"}


@pytest.fixture(autouse=True)
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    operation.cache_clear()
    monkeypatch.syspath_prepend(str(HERE / "toy_parts"))
    yield
    operation.cache_clear()


def test_one_run_uses_all_four(tmp_path: Path, home: Path) -> None:
    overrides = ("net.name=toy-linear", "net.pool=4", "data.augment=dim", "evaluate.nets=2", "evaluate.steps=20")
    made = ddkit.condense(
        "dm", data="toy-stripes:12", ipc=1, overrides=(*overrides, "method.iterations=2"), out=tmp_path / "run"
    )
    facts = made.set.facts
    assert (facts.dataset, facts.net, facts.augment) == ("toy-stripes:12", "toy-linear(pool=4)", "dim")
    found = ddkit.evaluate(tmp_path / "run", protocol="paper-toy", overrides=("evaluate.whole=false",))
    assert found.protocol == "paper-toy" and len(found.scores[0].accuracies) == 2


def test_the_operation_draws_and_applies_its_own_parameters() -> None:
    x = torch.ones(1, 5, 1, 4, 4)
    dsa = DSA("dim")
    done = dsa.apply(x, dsa.sample(stream(0, "dim"), 1, 5, (4, 4)))
    assert (done >= 0.5).all() and (done <= 1).all() and len(done.unique()) == 5


@pytest.mark.parametrize("kind", PARTS)
def test_lists_have_it(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([kind, "ls"]) == 0 and PARTS[kind] in capsys.readouterr().out
    assert run([kind, "show", PARTS[kind]]) == 0


def test_an_unknown_name_has_them_among_the_nearest() -> None:
    for wanted, call in (
        ("toy-linear", lambda: parse_net("toy-liner")),
        ("toy-stripes", lambda: load_images("toy-stripe")),
        ("dim", lambda: DSA("dimm")),
        ("paper-toy", lambda: ddkit.evaluate("x", protocol="paper-toi")),
    ):
        with pytest.raises(UsageError, match=f"did you mean .*{wanted}"):
            call()


def test_a_package_that_fails_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import toy_data
    import toy_protocol

    with pytest.raises(DataError, match=r"dataset 'toy-stripes:x': its package failed \(ValueError: invalid literal"):
        load_images("toy-stripes:x")
    monkeypatch.setattr(toy_data, "load", lambda text: text)
    with pytest.raises(DataError, match="must return ImageData, got str"):
        load_images("toy-stripes")
    monkeypatch.setattr(toy_protocol, "SHORT", "short")
    with pytest.raises(UsageError, match=r"protocol 'toy': its entry point 'toy_protocol:SHORT' is no PaperProtocol"):
        paper_protocol("toy")
