"""Labels of which the largest logits are kept: by hand, and to the bit through a file."""

import dataclasses
from pathlib import Path

import h5py
import pytest
import torch

from ddkit.randomness import stream
from ddkit.synth import SetFacts, SyntheticSet, only_top, read_set, write_set
from ddkit.synth.top_k import pack, packed_bytes, unpack

K, T = 12, 4.0


@pytest.fixture
def logits() -> torch.Tensor:
    return (5 * torch.randn(9, K, generator=stream(0, "logits"))).half().float()


@pytest.mark.parametrize("count", [1, 3, K - 1])
def test_the_largest_keep_their_probability_and_the_others_share_theirs(logits: torch.Tensor, count: int) -> None:
    kept = only_top(logits, count, T)
    before, after = (logits / T).softmax(1), (kept / T).softmax(1)
    for row in range(len(logits)):
        top = logits[row].argsort(descending=True)
        torch.testing.assert_close(after[row, top[:count]], before[row, top[:count]], rtol=2e-3, atol=1e-5)
        rest = before[row, top[count:]].sum() / (K - count)
        torch.testing.assert_close(after[row, top[count:]], rest.expand(K - count), rtol=2e-3, atol=1e-5)
        assert torch.equal(kept[row, top[:count]], logits[row, top[:count]])


def test_all_of_them_are_the_label(logits: torch.Tensor) -> None:
    assert torch.equal(only_top(logits, K, T), logits) and torch.equal(only_top(logits, K + 5, T), logits)


@pytest.mark.parametrize("count", [1, 3, K - 1])
def test_packing_loses_nothing(logits: torch.Tensor, count: int) -> None:
    kept = only_top(logits, count, T)
    assert torch.equal(unpack(*pack(kept, count), K), kept)


def test_a_set_keeps_them_to_the_bit_and_takes_the_bytes_it_counts(logits: torch.Tensor, tmp_path: Path) -> None:
    names = tuple(map(str, range(K)))
    facts = SetFacts(
        **{
            "method": "random",
            "dataset": "noise",
            "data_digest": "d",
            "classes": names,
            "ipc": 1,
            "space": "normalised",
        },
        **{"preprocess_digest": "p", "net": "mlp", "temperature": T, "top_k": 3, "mean": (0.5,), "std": (0.2,)},
    )
    images, labels = torch.zeros(9, 1, 4, 4), torch.arange(9)
    made = SyntheticSet(images=images, labels=labels, soft_labels=only_top(logits, 3, T), facts=facts)
    write_set(made, tmp_path / "set.h5")
    found = read_set(tmp_path / "set.h5")
    assert torch.equal(found.soft_labels, made.soft_labels) and found.facts == facts
    with h5py.File(tmp_path / "set.h5") as file:
        assert "soft_label" not in file
        names_of = ("soft_label_top", "soft_label_class", "soft_label_rest")
        assert sum(file[name].nbytes for name in names_of) == packed_bytes(9, 3) == made.stored_bytes()["soft labels"]
    whole = dataclasses.replace(made, facts=dataclasses.replace(facts, top_k=None))
    assert whole.stored_bytes()["soft labels"] == 2 * 9 * K
