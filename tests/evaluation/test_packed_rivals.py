"""Rivals that are packed as a set's images are: which real images, how many, in which bytes, and their rows."""

import dataclasses

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from ddkit.data import DSA, Counts, RealData, select
from ddkit.errors import UsageError
from ddkit.evaluation import EvaluateSettings, evaluate_honestly
from ddkit.evaluation.ddranking_rows import RankedSet
from ddkit.evaluation.labels import Labels
from ddkit.evaluation.paper import evaluate_as_paper
from ddkit.evaluation.protocols import PAPERS
from ddkit.evaluation.rows import RIVALS, rival_row
from ddkit.evaluation.table import RivalRow, SetRow, Table
from ddkit.nets import FlatNet
from ddkit.randomness import stream
from ddkit.run import SilentMeter
from ddkit.synth import Packed, SyntheticSet, pack
from ddkit.task import Task

NETS = 3


@pytest.fixture
def packed(synthetic: SyntheticSet, real: RealData) -> SyntheticSet:
    """Two packed images a class."""
    chosen = select("herding", real.train.images.flatten(1), real.train.labels, 8, stream(0, "unused"))
    facts = dataclasses.replace(synthetic.facts, formation=2)
    return SyntheticSet.from_compact(Packed(pack(real.train.images[chosen], 2), 2), facts)


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("counts", [Counts.even(2, 10), Counts((1, 2, 3, 1, 1, 1, 1, 1, 1, 1))], ids=["even", "uneven"])
def test_a_packed_rival_has_more_real_images_in_the_bytes_of_the_whole_one(
    name: str, counts: Counts, real: RealData
) -> None:
    """Four for one, each made small by the mean of areas and enlarged by PyTorch; another draw for each network."""
    whole, packed = (rival_row(name, real, counts, NETS, 0, formation=k) for k in (1, 2))
    assert packed.size == whole.size == counts.total * 64
    assert packed.members.shape == (NETS, 4 * counts.total) and packed.name == f"{name}, packed 2x2"
    assert packed.trained_on != whole.trained_on
    for draw, members in enumerate(packed.members):
        number = 0 if name == "herding" else draw
        generator = stream(0, "rival", RIVALS[name], number)
        chosen = select(RIVALS[name], real.train.images.flatten(1), real.train.labels, counts.times(4), generator)
        small = interpolate(avg_pool2d(real.train.images[chosen], 2), (8, 8), mode="bilinear")
        torch.testing.assert_close(packed.images[members], small, rtol=0, atol=1e-5)
        assert torch.equal(packed.labels[members], counts.times(4).labels())
    assert len({tuple(row.tolist()) for row in packed.members}) == (1 if name == "herding" else NETS)


def test_a_table_of_a_packed_set_has_whole_and_packed_rivals(
    packed: SyntheticSet, synthetic: SyntheticSet, real: RealData, net: FlatNet
) -> None:
    task, settings = Task(real, net, DSA("")), EvaluateSettings(nets=2, steps=5, epochs=1)
    names = ["random-real", "herding", "kmeans"]
    whole, small = (Table.of_set(one, task, settings) for one in (synthetic, packed))
    assert [row.name for row in whole.rows([], rivals=True, whole=True)] == [*names, "whole"]
    rows = small.rows([SetRow("toy+2x2", 0)], rivals=True, whole=True)
    assert [row.name for row in rows] == ["toy+2x2", *names, *(f"{name}, packed 2x2" for name in names), "whole"]
    assert [row.images(small) for row in rows[:-1]] == [80, 20, 20, 20, 80, 80, 80]
    assert (whole.made_bytes, small.made_bytes) == (0, 2 * 80 * 4 * 64)
    table = evaluate_honestly(small, 0, SilentMeter())
    scored = {score.name: score for score in table.scores}
    assert list(scored) == [row.name for row in rows] + ["majority class"]
    assert scored["toy+2x2"].samples == 80 and scored["toy+2x2"].size == 4 * 20 * 64
    assert scored["random-real, packed 2x2"].size == scored["random-real"].size == 20 * 64
    assert sum("4 real images of a class are made small and take the place of one" in note for note in table.notes) == 1
    plain = evaluate_honestly(whole, 0, SilentMeter())
    same = {score.name: score.accuracies for score in plain.scores if score.name in names}
    assert {name: scored[name].accuracies for name in names} == same  # whole rivals are the same in both


def test_packed_rivals_with_the_labels_of_the_sets_teachers_stand_beside_the_whole_ones(
    real: RealData, net: FlatNet
) -> None:
    table = Table(
        Task(real, net, DSA("")),
        EvaluateSettings(),
        Counts.even(1, 10),
        Labels("auto", same_for_real=True),
        formations=(2, 3),
    )
    names = [row.name for row in table.rows([], rivals=True, whole=False)]
    assert names[-3:] == [f"random-real, same labels{packed}" for packed in ("", ", packed 2x2", ", packed 3x3")]
    row = next(row for row in table.rows([], True, False) if row.name == "random-real, same labels, packed 3x3")
    assert row == RivalRow(row.name, "random-real", "static", formation=3) and row.images(table) == 90


def test_ddrankings_scores_compare_with_whole_images_and_say_so(
    packed: SyntheticSet, synthetic: SyntheticSet, real: RealData, net: FlatNet
) -> None:
    task, settings = Task(real, net, DSA("")), EvaluateSettings()
    notes = [RankedSet.of("toy", one, Table.of_set(one, task, settings)).notes for one in (synthetic, packed)]
    assert notes == [(), ("IOR, ARS: random-real has whole images, as many as toy stores; it is not packed",)]


def test_a_papers_table_has_packed_random_images(packed: SyntheticSet, real: RealData, net: FlatNet) -> None:
    protocol = dataclasses.replace(PAPERS["dm"], epochs=2)
    table = evaluate_as_paper({"last": packed}, Task(real, net, DSA("")), protocol, 0, SilentMeter(), nets=2)
    assert [(score.name, score.samples) for score in table.scores] == [
        ("toy+2x2 (last)", 80),
        ("random-real", 20),
        ("random-real, packed 2x2", 80),
        ("majority class", 0),
    ]


def test_a_class_with_too_few_images_is_one_line(packed: SyntheticSet, real: RealData, net: FlatNet) -> None:
    fewest = int(real.train.labels.bincount().min())
    table = dataclasses.replace(
        Table.of_set(packed, Task(real, net, DSA("")), EvaluateSettings(nets=2)),
        counts=Counts.even(fewest // 4 + 1, 10),
    )
    with pytest.raises(UsageError, match="4 in the place of one, but it has only"):
        table.refuse_small_classes()
