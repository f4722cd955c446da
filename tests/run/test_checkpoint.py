"""A state's way to disk and back, and what must never be unpickled."""

import pickle
import random
import warnings
import zipfile
from dataclasses import dataclass

import pytest
import torch

from ddkit.errors import DataError
from ddkit.run import read_checkpoint, write_checkpoint


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
    tables = torch.load(path, weights_only=True)
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


def test_a_damaged_file_is_refused_with_one_line(tmp_path):
    path, rng = tmp_path / "checkpoint.pt", random.Random(0)
    write_checkpoint(path, 1, a_state())
    good, refused = path.read_bytes(), 0
    with zipfile.ZipFile(path) as archive:
        table = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        start = good.index(archive.read(table))
    for i in range(200):
        content = bytearray(good)
        if i % 2:
            content = content[: rng.randrange(len(content))]
        else:
            content[start + rng.randrange(300)] = rng.randrange(256)
        path.write_bytes(bytes(content))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read_checkpoint(path, Outer)
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 100
