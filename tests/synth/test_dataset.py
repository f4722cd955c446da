"""The torch Dataset against the set behind it, and the three ways to name a set."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy
import torch
from torch.utils.data import DataLoader

from ddkit.errors import DataError, UsageError
from ddkit.randomness import stream
from ddkit.synth import SyntheticDataset, SyntheticSet, list_sets, load, write_set

MakeSet = Callable[..., SyntheticSet]


@pytest.fixture
def ready_made(make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SyntheticSet:
    synthetic = make_set()
    write_set(synthetic, tmp_path / "ready_made" / "toy-ftd-ipc2.h5")
    monkeypatch.setattr("ddkit.synth.ready_made.shipped", lambda folder: tmp_path / "ready_made")
    return synthetic


@pytest.mark.parametrize("soft", [False, True])
def test_two_workers_deliver_every_pair_in_order(make_set: MakeSet, soft: bool) -> None:
    synthetic = make_set(soft=soft, ipc=5)
    dataset = SyntheticDataset(synthetic)
    assert len(dataset) == 15 and dataset.classes == synthetic.facts.classes
    images, labels = zip(*DataLoader(dataset, batch_size=4, num_workers=2), strict=True)
    assert torch.equal(torch.cat(images), synthetic.images)
    assert torch.equal(torch.cat(labels), synthetic.soft_labels if soft else synthetic.labels)


def test_teachers_logits_are_given_as_what_a_plain_loss_takes(make_set: MakeSet) -> None:
    """Probabilities at the set's temperature, against SciPy in float64; the logits only on request."""
    logits = (20 * torch.randn(6, 3, generator=stream(0, "logits"))).half().float()
    soft = make_set(soft=True)
    synthetic = dataclasses.replace(
        soft, soft_labels=logits, facts=dataclasses.replace(soft.facts, temperature=8.0, teachers="a")
    )
    plain, raw = SyntheticDataset(synthetic), SyntheticDataset(synthetic, logits=True)
    expected = scipy.special.softmax(logits.double().numpy() / 8, axis=1)
    np.testing.assert_allclose(torch.stack([plain[i][1] for i in range(6)]), expected, atol=1e-6)
    assert torch.equal(torch.stack([raw[i][1] for i in range(6)]), logits)


@pytest.mark.parametrize("soft, kind", [(False, "classes"), (True, "probabilities")])
def test_logits_of_a_set_that_has_none_are_refused(make_set: MakeSet, soft: bool, kind: str) -> None:
    with pytest.raises(UsageError, match=f"labels are {kind}, not logits; leave logits=True out"):
        SyntheticDataset(make_set(soft=soft), logits=True)


def test_a_hard_label_is_an_int_and_a_transform_sees_the_image_alone(make_set: MakeSet) -> None:
    synthetic = make_set()
    image, label = SyntheticDataset(synthetic, transform=lambda x: x.flip(-1) * 2)[3]
    assert type(label) is int and label == 1
    assert torch.equal(image, synthetic.images[3].flip(-1) * 2)
    assert torch.equal(SyntheticDataset(synthetic)[3][0], synthetic.images[3])  # the set itself is as it was


def test_a_set_is_found_by_path_run_folder_and_name(
    make_set: MakeSet, ready_made: SyntheticSet, tmp_path: Path
) -> None:
    synthetic = make_set(soft=True)
    write_set(synthetic, tmp_path / "run" / "set.h5")
    for source in (tmp_path / "run", tmp_path / "run" / "set.h5", str(tmp_path / "run")):
        dataset = SyntheticDataset(source)
        assert torch.equal(dataset[2][0], synthetic.images[2]) and torch.equal(dataset[2][1], synthetic.soft_labels[2])
    assert list(list_sets()) == ["toy-ftd-ipc2"]
    assert load("toy-ftd-ipc2").facts == ready_made.facts


@pytest.mark.parametrize(
    "source, words",
    [
        ("toy-ftd-ipc3", "did you mean toy-ftd-ipc2"),
        ("qqq", "there are: toy-ftd-ipc2"),
        ("toy-ftd-ipc3.h5", "no such file"),
    ],
)
def test_an_unknown_source_says_what_there_is(ready_made: SyntheticSet, source: str, words: str) -> None:
    with pytest.raises(DataError, match=f"set '{source}'.*{words}") as caught:
        SyntheticDataset(source)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_set_names_the_file_that_it_lacks(ready_made: SyntheticSet, tmp_path: Path) -> None:
    (tmp_path / "unfinished").mkdir()
    with pytest.raises(DataError, match=r"unfinished/set\.h5': there is no such file"):
        load(tmp_path / "unfinished")


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("index", [slice(0, 2), "a", ["a"], [0, 1], None, 1.0, torch.tensor([0, 1])])
def test_an_index_that_is_not_one_number_is_refused(make_set: MakeSet, soft: bool, index: object) -> None:
    with pytest.raises(UsageError, match=r"an index must be one whole number, got .*; for several use") as caught:
        SyntheticDataset(make_set(soft=soft))[index]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", [-1, np.int64(5), torch.tensor(5)])
def test_whole_numbers_of_any_type_are_an_index(make_set: MakeSet, index: int) -> None:
    synthetic = make_set()
    assert torch.equal(SyntheticDataset(synthetic)[index][0], synthetic.images[5])
    with pytest.raises(IndexError):  # which ends a loop over the dataset
        SyntheticDataset(synthetic)[6]


def test_probabilities_at_every_temperature_that_a_set_may_have_are_finite(make_set: MakeSet) -> None:
    soft = make_set(soft=True)
    logits = torch.tensor([65504.0, -65504.0, 0.0]).expand(6, 3)
    for temperature in (1e-30, 1e-3, 1e30):
        facts = dataclasses.replace(soft.facts, temperature=temperature)
        dataset = SyntheticDataset(dataclasses.replace(soft, soft_labels=logits, facts=facts))
        assert all(label.sum() == pytest.approx(1) for _, label in dataset)
