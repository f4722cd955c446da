"""A state's way to disk and back, and what must never be unpickled."""

import dataclasses
import io
import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from ddkit.errors import DataError, DDKitWarning
from ddkit.run import HEAD, atomic_sealed, read_checkpoint, write_checkpoint
from ddkit.run.checkpoint import _to_tables

EARLIER = Path(__file__).parents[1] / "earlier_formats"


@dataclass(frozen=True)
class Inner:
    images: torch.Tensor
    rng: torch.Tensor


@dataclass(frozen=True)
class Outer:
    inner: Inner
    ema: torch.Tensor
    best: float
    count: int


def a_state() -> Outer:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, 1, 2, 2, generator=generator)
    return Outer(Inner(images, generator.get_state()), images.double() / 3, 0.1, 7)


def test_round_trip_of_nested_states(tmp_path):
    state, path = a_state(), tmp_path / "checkpoint.pt"
    write_checkpoint(path, 12, state)
    iteration, read = read_checkpoint(path, Outer)
    assert iteration == 12 and (read.best, read.count) == (0.1, 7) and isinstance(read.inner, Inner)
    pairs = ((read.inner.images, state.inner.images), (read.inner.rng, state.inner.rng), (read.ema, state.ema))
    for got, expected in pairs:
        assert got.dtype == expected.dtype and torch.equal(got, expected)


def test_a_checkpoint_holds_no_objects(tmp_path):
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, 12, a_state())
    tables = torch.load(io.BytesIO(path.read_bytes()[HEAD:]), weights_only=True)
    assert tables["iteration"] == 12 and set(tables["state"]["inner"]) == {"images", "rng"}


class Malicious:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return (open, (str(self.victim), "w"))


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path):
    path, victim = tmp_path / "checkpoint.pt", tmp_path / "victim"
    bare = pickle.dumps(Malicious(victim))
    zipped = {"iteration": 1, "state": {"ema": Malicious(victim)}}
    path.write_bytes(bare)
    with pytest.raises(DataError, match="is damaged; delete it"):
        read_checkpoint(path, Outer)
    torch.save(zipped, path)
    with pytest.raises(DataError, match="is damaged; delete it") as caught:
        read_checkpoint(path, Outer)
    assert "\n" not in str(caught.value)
    assert not victim.exists()


@dataclass(frozen=True)
class Other:
    weights: torch.Tensor


def test_a_state_of_another_method(tmp_path):
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, 1, Other(torch.ones(2)))
    with pytest.raises(DataError, match=r"checkpoint.*belongs to another method; choose another --out"):
        read_checkpoint(path, Outer)


def test_a_missing_checkpoint(tmp_path):
    with pytest.raises(DataError, match="does not exist; run without --resume"):
        read_checkpoint(tmp_path / "checkpoint.pt", Outer)


@pytest.mark.parametrize("foreign", [torch.ones(3), [1, 2], {"iteration": 1}, {"iteration": 1, "state": [1]}, 3, "x"])
def test_foreign_tables(tmp_path, foreign):
    path = tmp_path / "checkpoint.pt"
    torch.save(foreign, path)
    with warnings.catch_warnings(), pytest.raises(DataError):
        warnings.simplefilter("ignore")  # torch warns of indexing a tensor by a name
        read_checkpoint(path, Outer)


@pytest.mark.parametrize("iteration", [-1, True, 1.0, None, "1", 101])
def test_an_iteration_that_no_run_has(tmp_path, iteration):
    path = tmp_path / "checkpoint.pt"
    with atomic_sealed(path) as image:
        torch.save({"iteration": iteration, "state": _to_tables(a_state())}, image)
    with pytest.raises(DataError, match=r"is damaged; delete it|101 iterations are done, and the run has 100"):
        read_checkpoint(path, Outer, iterations=100)


@pytest.mark.parametrize("change", [{"count": 1.5}, {"count": True}, {"best": torch.ones(1)}, {"ema": 3.0}])
def test_fields_of_other_types(tmp_path, change):
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, 1, dataclasses.replace(a_state(), **change))
    with pytest.raises(DataError, match="belongs to another method"):
        read_checkpoint(path, Outer)


def test_a_checkpoint_of_another_run(tmp_path):
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, 1, a_state(), run="of ten images a class")
    with pytest.raises(DataError, match="belongs to another run, of other data or settings; choose another --out"):
        read_checkpoint(path, Outer, run="of one image a class")
    assert read_checkpoint(path, Outer, run="of ten images a class")[0] == read_checkpoint(path, Outer)[0] == 1


@dataclass(frozen=True)
class Earlier:
    images: torch.Tensor
    rng: torch.Tensor
    done: int


def test_a_checkpoint_of_an_earlier_version_is_read_with_a_warning():
    with pytest.warns(DDKitWarning, match=r"checkpoint\.pt': carries no digest, .*; the next one has one"):
        iteration, state = read_checkpoint(EARLIER / "checkpoint.pt", Earlier, run="any", iterations=100)
    assert iteration == state.done == 12 and torch.equal(state.images, torch.arange(12.0).view(3, 1, 2, 2) / 7)


def test_a_checkpoint_that_is_cut_off(tmp_path):
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, 1, a_state())
    good = path.read_bytes()
    for size in (0, 1, 100, 511, 512, 513, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:size])
        with pytest.raises(DataError, match="is damaged; delete it") as caught:
            read_checkpoint(path, Outer)
        assert "\n" not in str(caught.value)
