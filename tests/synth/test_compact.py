"""The compact form: expanded by hand, to the bit through a file, and counted to the byte."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hostile_files import edited

from ddkit.errors import DataError
from ddkit.randomness import stream
from ddkit.synth import Compensated, SetFacts, SyntheticSet, clip, read_set, write_set

K, N, M, SHAPE = 3, 2, 4, (3, 5, 4)
MEAN, STD = (0.1, 0.5, 0.7), (0.3, 0.2, 0.1)


@pytest.fixture
def compact() -> Compensated:
    draw = stream(0, "compact")
    real = torch.randint(256, (K, N, *SHAPE), generator=draw, dtype=torch.uint8)
    return Compensated(real, torch.randn(M, N, *SHAPE, generator=draw).half())


@pytest.fixture
def make(compact: Compensated, make_set: Callable[..., SyntheticSet]) -> Callable[..., SyntheticSet]:
    """make(labelled=True, **facts)"""

    def build(labelled: bool = True, **facts) -> SyntheticSet:
        values = {"mean": MEAN, "std": STD, "temperature": 30.0 if labelled else None, "teachers": "a; b", "ipc": 9}
        known: SetFacts = dataclasses.replace(make_set(shape=SHAPE).facts, **(values | facts))
        logits = torch.randn(K * N * (M + 1), K, generator=stream(0, "logits")).half().float() * 8
        return SyntheticSet.from_compact(compact, known, logits if labelled else None)

    return build


def test_expansion_by_hand(compact: Compensated, make: Callable[..., SyntheticSet]) -> None:
    """In NumPy and float64, in the order class, teacher (first none), which of n."""
    real, added = compact.real.numpy().astype(float), compact.compensators.numpy().astype(float)
    mean, std = np.array(MEAN)[:, None, None], np.array(STD)[:, None, None]
    expected = []
    for c in range(K):
        expected += [(real[c, j] / 255 - mean) / std for j in range(N)]
        for m in range(M):
            for j in range(N):
                shifted = (real[c, j] / 255 - mean) / std + added[m, j]
                expected.append((np.clip(shifted * std + mean, 0, 1) - mean) / std)
    images = compact.expand(MEAN, STD)
    assert images.shape == (K * N * (M + 1), *SHAPE) and images.dtype == torch.float32
    np.testing.assert_allclose(images.numpy(), np.stack(expected), atol=2e-6)
    assert compact.instances == N * (M + 1)
    assert make().labels.tolist() == [c for c in range(K) for _ in range(N * (M + 1))]


def test_clip_is_the_range_of_pixels() -> None:
    x = torch.randn(2, 3, 4, 4, generator=stream(0, "x")) * 10
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(clip(x, MEAN, STD) * std + mean, (x * std + mean).clamp(0, 1), atol=1e-6, rtol=0)
    assert torch.equal(clip(clip(x, MEAN, STD), MEAN, STD), clip(x, MEAN, STD))
    with_sets = x.expand(5, 2, 3, 4, 4)
    assert torch.equal(clip(with_sets, MEAN, STD)[3], clip(x, MEAN, STD))


@pytest.mark.parametrize("labelled", [True, False])
def test_a_file_holds_it_to_the_bit(make: Callable[..., SyntheticSet], tmp_path: Path, labelled: bool) -> None:
    synthetic = make(labelled)
    write_set(synthetic, tmp_path / "set.h5")
    read = read_set(tmp_path / "set.h5")
    assert read.compact is not None and synthetic.compact is not None
    for name in ("real", "compensators"):
        mine, theirs = getattr(synthetic.compact, name), getattr(read.compact, name)
        assert mine.dtype == theirs.dtype and torch.equal(mine, theirs)
    assert torch.equal(read.images, synthetic.images) and torch.equal(read.labels, synthetic.labels)
    assert (read.soft_labels is None) is not labelled
    assert read.soft_labels is None or torch.equal(read.soft_labels, synthetic.soft_labels)
    assert read.facts == synthetic.facts
    write_set(read, tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "set.h5").read_bytes()


@pytest.mark.parametrize("labelled", [True, False])
def test_the_file_takes_the_bytes_that_the_set_counts(
    make: Callable[..., SyntheticSet], tmp_path: Path, labelled: bool
) -> None:
    synthetic = make(labelled)
    write_set(synthetic, tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5") as file:
        assert set(file) == {"compact", "ddkit"} | ({"soft_label"} if labelled else set())
        found = {"real images": file["compact/real"], "compensators": file["compact/compensator"]}
        if labelled:
            found["soft labels"] = file["soft_label"]
        assert {name: table.id.get_storage_size() for name, table in found.items()} == synthetic.stored_bytes()
        assert file.attrs["kind"] == "compact" and file["compact"].attrs["expansion"] == "real+compensator/1"
    pixels = 3 * 5 * 4
    expected = K * N * pixels + 2 * M * N * pixels + labelled * 2 * K * N * (M + 1) * K
    assert sum(synthetic.stored_bytes().values()) == expected


def test_digits_at_ten_images_a_class_are_counted_by_hand(make_set: Callable[..., SyntheticSet]) -> None:
    """Four teachers: 7 real images of each of ten classes, 28 compensators, 350 labels of ten float16."""
    parts = Compensated(torch.zeros(10, 7, 1, 8, 8, dtype=torch.uint8), torch.zeros(4, 7, 1, 8, 8).half())
    facts = dataclasses.replace(make_set(classes=10, shape=(1, 8, 8)).facts, temperature=30.0)
    synthetic = SyntheticSet.from_compact(parts, facts, torch.zeros(350, 10))
    assert synthetic.stored_bytes() == {"real images": 4480, "compensators": 3584, "soft labels": 7000}


def test_what_a_budget_bought_is_said() -> None:
    def note(classes: int, n: int, m: int, ipc: int) -> str:
        real = torch.zeros(classes, n, 1, 4, 4, dtype=torch.uint8)
        return Compensated(real, torch.zeros(m, n, 1, 4, 4, dtype=torch.float16)).summary(ipc)

    assert note(10, 7, 4, 10) == (
        "7 real images a class, 28 compensators (7 of each of 4 teachers), expanded to 35 a class; 2 of 100 images "
        "of the budget unused"
    )
    assert note(10, 1, 0, 1).endswith("expanded to 1 a class; 0 of 10 images of the budget unused")


def test_images_are_counted_as_they_are_written(make_set: Callable[..., SyntheticSet], tmp_path: Path) -> None:
    """Labels that are logits are stored as float16, probabilities as float32."""
    plain, soft = make_set(), make_set(soft=True)
    logits = dataclasses.replace(soft, facts=dataclasses.replace(soft.facts, temperature=4.0))
    assert plain.stored_bytes() == {"images": 4 * 6 * 60}
    assert soft.stored_bytes()["soft labels"] == 4 * 18 and logits.stored_bytes()["soft labels"] == 2 * 18
    for synthetic, dtype in ((soft, np.float32), (logits, np.float16)):
        write_set(synthetic, tmp_path / "set.h5")
        with h5py.File(tmp_path / "set.h5") as file:
            assert file["soft_label"].dtype == dtype
            assert (
                file["soft_label"].size * file["soft_label"].dtype.itemsize == synthetic.stored_bytes()["soft labels"]
            )


@pytest.mark.parametrize(
    "real, added",
    [
        (torch.zeros(3, 2, 1, 4, 4), torch.zeros(4, 2, 1, 4, 4).half()),
        (torch.zeros(3, 2, 1, 4, 4, dtype=torch.uint8), torch.zeros(4, 2, 1, 4, 4)),
        (torch.zeros(3, 2, 1, 4, 4, dtype=torch.uint8), torch.zeros(4, 3, 1, 4, 4).half()),
        (torch.zeros(3, 2, 1, 4, 4, dtype=torch.uint8), torch.zeros(4, 2, 1, 4, 5).half()),
    ],
    ids=["float pixels", "float32", "another n", "another width"],
)
def test_parts_that_do_not_fit_are_one_line(
    real: torch.Tensor, added: torch.Tensor, make: Callable[..., SyntheticSet], tmp_path: Path
) -> None:
    """In a file and in memory."""
    with pytest.raises(DataError, match=r"compact set: needs bytes"):
        Compensated(real, added)
    path = tmp_path / "set.h5"
    write_set(make(), path)
    with edited(path) as file:
        del file["compact/real"], file["compact/compensator"]
        file["compact/real"], file["compact/compensator"] = real.numpy(), added.numpy()
    with pytest.raises(DataError, match="is damaged") as caught:
        read_set(path)
    assert "\n" not in str(caught.value)


def _expansion(file: h5py.File) -> None:
    file["compact"].attrs["expansion"] = "real*compensator/2"


def _no_expansion(file: h5py.File) -> None:
    del file["compact"].attrs["expansion"]


def _no_real(file: h5py.File) -> None:
    del file["compact/real"]


def _no_compensator(file: h5py.File) -> None:
    del file["compact/compensator"]


def _no_compact(file: h5py.File) -> None:
    del file["compact"]


def _group_of_real(file: h5py.File) -> None:
    del file["compact/real"]
    file.create_group("compact/real")


def _flat(file: h5py.File) -> None:
    del file["compact/real"]
    file["compact/real"] = np.zeros(7, np.uint8)


def _fewer_labels(file: h5py.File) -> None:
    del file["soft_label"]
    file["soft_label"] = np.zeros((5, 3), np.float16)


def _more_classes(file: h5py.File) -> None:
    file.attrs["classes"] = '["a", "b"]'


def _no_mean(file: h5py.File) -> None:
    del file.attrs["mean"]


def _no_labels(file: h5py.File) -> None:
    del file["soft_label"]


@pytest.mark.parametrize(
    "spoil",
    [
        _no_labels,
        _expansion,
        _no_expansion,
        _no_real,
        _no_compensator,
        _no_compact,
        _group_of_real,
        _flat,
        _fewer_labels,
        _more_classes,
        _no_mean,
    ],
)
def test_damage_is_one_line(
    make: Callable[..., SyntheticSet], tmp_path: Path, spoil: Callable[[h5py.File], None]
) -> None:
    path = tmp_path / "set.h5"
    write_set(make(), path)
    with edited(path) as file:
        spoil(file)
    with pytest.raises(DataError) as caught:
        read_set(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    assert spoil is not _expansion or "real*compensator/2" in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_one_line(make: Callable[..., SyntheticSet], tmp_path: Path, share: float) -> None:
    path = tmp_path / "set.h5"
    write_set(make(), path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError) as caught:
        read_set(path)
    assert "\n" not in str(caught.value)
