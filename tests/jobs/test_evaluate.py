"""Judging finished runs on a tiny dataset: the protocols, other networks, other data, whitened sets."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from listener import Listener

import ddkit
from ddkit.data import DataSettings, prepare
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import PAPERS
from ddkit.experts import Bundle, Ensemble, read_bundle, write_bundle
from ddkit.jobs import Condensed, condense, evaluate, evaluate_all
from ddkit.jobs.data.loading import load_task
from ddkit.jobs.machine.device import pick_device
from ddkit.jobs.machine.environment import PACKAGES, environment
from ddkit.jobs.tables.images import columns
from ddkit.nets import net_spec, parse_net
from ddkit.run import SilentMeter
from ddkit.synth import load, write_set

TINY = ("net.name=mlp", "net.width=8", "net.depth=1", "evaluate.nets=2", "evaluate.steps=20", "evaluate.epochs=1")


def write_data(path: Path, seed: int = 0) -> Path:
    """Three classes of 20 coloured 6x6 images each, which differ by their channel."""
    draw = np.random.default_rng(seed)
    labels = np.arange(60) % 3
    images = draw.integers(0, 120, (60, 6, 6, 3), dtype=np.uint8)
    images[np.arange(60), :, :, labels] += 120
    np.savez(path, train_images=images, train_labels=labels)
    return path


@pytest.fixture
def make_run(tmp_path: Path, home: Path) -> Callable[..., Condensed]:
    data = write_data(tmp_path / "tiny.npz")

    def make(*overrides: str, name: str = "run", method: str = "herding") -> Condensed:
        out = tmp_path / name
        return condense(method, data=f"npz:{data}", ipc=2, overrides=(*TINY, *overrides), evaluate=False, out=out)

    return make


def test_a_run_folder_is_judged_honestly(make_run: Callable[..., Condensed]) -> None:
    run = make_run()
    table = evaluate(run.folder)
    assert [score.name for score in table.scores] == [
        *("herding", "random-real", "herding", "kmeans", "whole"),
        "majority class",
    ]
    assert (table.protocol, table.dataset, table.net) == ("honest", "tiny", "mlp(depth=1, width=8)")
    assert all(len(score.accuracies) == 2 for score in table.scores[:-1])
    for source in (run.set, run.folder / "set.h5", str(run.folder)):  # one set, however it is named
        assert evaluate(source).tables(with_seconds=False) == table.tables(with_seconds=False)
    few = evaluate(run.folder, baselines=False, overrides=("evaluate.whole=false",), nets=3)
    assert [(score.name, len(score.accuracies)) for score in few.scores] == [("herding", 3)]
    assert len(evaluate(run.folder, nets=3, overrides=("evaluate.nets=4",)).scores[0].accuracies) == 4


def test_condense_and_evaluate_agree(make_run: Callable[..., Condensed], tmp_path: Path) -> None:
    overrides = (*TINY, "evaluate.whole=false")
    data = f"npz:{tmp_path / 'tiny.npz'}"
    run = condense("kmeans", data=data, ipc=2, overrides=overrides, out=tmp_path / "evaluated")
    assert run.evaluation is not None
    expected = run.evaluation.tables(with_seconds=False)
    assert evaluate(run.folder).tables(with_seconds=False) == expected
    assert json.loads(load(run.folder).record.scores) == json.loads(json.dumps(expected))


@pytest.fixture
def brief_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The papers' protocols with 20 epochs instead of 1000."""
    for name, protocol in list(PAPERS.items()):
        monkeypatch.setitem(PAPERS, name, dataclasses.replace(protocol, epochs=20))


def test_the_paper_protocol_chooses_among_the_snapshots_of_a_folder(
    make_run: Callable[..., Condensed], brief_papers: None
) -> None:
    run = make_run()
    # The last snapshot of a run is the set itself, which must not get a second chance.
    (run.folder / "snapshots").mkdir()
    write_set(run.set, run.folder / "snapshots" / "iteration-000009.h5")
    assert "best of 1 snapshots" in evaluate(run.folder, protocol="paper").notes[0]
    wrong = dataclasses.replace(run.set, images=-run.set.images)
    write_set(wrong, run.folder / "snapshots" / "iteration-000000.h5")
    table = evaluate(run.folder, protocol="paper")
    assert "best of 2 snapshots" in table.notes[0] and table.scores[0].name == "herding (last)"
    write_set(wrong, run.folder / "initial.h5")
    for alone in ("initial.h5", "set.h5"):  # a file is judged for itself, whatever lies beside it
        assert "best of 1 snapshots" in evaluate(run.folder / alone, protocol="paper").notes[0]
    assert "best of 1 snapshots" in evaluate(run.set, protocol="paper").notes[0]


def test_the_paper_protocol_is_that_of_the_sets_method(make_run: Callable[..., Condensed], brief_papers: None) -> None:
    run = make_run()

    def judged(protocol: str, method: str) -> str:
        made = dataclasses.replace(run.set, facts=dataclasses.replace(run.set.facts, method=method))
        return evaluate(made, protocol=protocol).protocol

    for protocol, method, full in (
        ("paper", "ftd", "paper-ftd"),
        ("paper", "datm", "paper-datm"),
        ("paper", "herding", "paper-mtt"),
        ("paper-ast", "ftd", "paper-ast"),
    ):
        assert judged(protocol, method) == full
    assert any("herding, which has no protocol here" in note for note in evaluate(run.set, protocol="paper").notes)


def test_columns_are_protocols_by_networks_each_once(make_run: Callable[..., Condensed]) -> None:
    run, own = make_run(), "mlp(depth=1, width=8)"
    assert columns(run.set, ["honest"]) == ([("honest", own)], [])
    pairs, _ = columns(run.set, ["honest", "paper", "paper-mtt"], ["mlp(width=8, depth=1)", "mlp(width=4)", own])
    assert pairs == [
        (protocol, net) for protocol in ("honest", "paper-mtt") for net in (own, parse_spec("mlp(width=4)"))
    ]
    for wrong, words in (((["honest", "papper"],), "did you mean paper"), ((["honest"], [own, "mlpp"]), "is unknown")):
        with pytest.raises(UsageError, match=words):
            columns(run.set, *wrong)


@pytest.mark.parametrize("size, fitting", [(6, []), (8, ["alexnet"]), (16, ["alexnet", "resnet18"]), (32, None)])
def test_the_pool_is_the_sets_own_network_and_the_others_that_fit(
    make_run: Callable[..., Condensed], size: int, fitting: list[str] | None
) -> None:
    small = make_run().set
    made = dataclasses.replace(small, images=torch.zeros(len(small), 3, size, size))
    others = ["alexnet", "vgg11", "resnet18"]
    fitting = others if fitting is None else fitting
    for own in ("mlp(depth=1, width=8)", "convnet(depth=1, width=4)"):
        family = own.partition("(")[0]
        facts = dataclasses.replace(made.facts, net=own)
        pairs, left_out = columns(dataclasses.replace(made, facts=facts), ["honest"], cross=True)
        pool = [own, *(["convnet"] if family == "mlp" and size >= 8 else []), *fitting]
        assert [net for _, net in pairs] == [parse_spec(net) for net in pool]
        refused = [name for name in ("convnet", *others) if name not in [*fitting, family]]
        refused = [name for name in refused if name != "convnet" or size < 8]
        assert [line.partition(":")[0].partition("(")[0] for line in left_out] == refused
    if size < 32:
        with pytest.raises(UsageError, match="vgg11: needs images of at least 32x32"):  # asked for by name
            columns(made, ["honest"], ["vgg11"], cross=True)


def parse_spec(net: str) -> str:
    return net_spec(parse_net(net))


def test_other_data_than_the_set_was_made_from_is_refused(make_run: Callable[..., Condensed], tmp_path: Path) -> None:
    run = make_run()
    write_data(tmp_path / "tiny.npz", seed=1)
    with pytest.raises(DataError, match=r"made with other data.*name the data it was made from") as caught:
        evaluate(run.folder)
    assert "\n" not in str(caught.value)
    write_data(tmp_path / "tiny.npz")
    other = dataclasses.replace(run.set, facts=dataclasses.replace(run.set.facts, preprocess_digest="0" * 64))
    with pytest.raises(DataError, match="made with other preprocessing"):
        evaluate(other)
    (tmp_path / "tiny.npz").unlink()
    with pytest.raises(DataError, match="there is no file"):
        evaluate(run.folder)


def test_several_tables_load_and_whiten_the_data_once(
    make_run: Callable[..., Condensed], brief_papers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("data.preprocess=zca", "evaluate.whole=false")
    prepared: list[object] = []
    monkeypatch.setattr(
        "ddkit.jobs.data.loading.prepare", lambda *arguments: prepared.append(arguments) or prepare(*arguments)
    )
    protocols, nets = ("honest", "paper-mtt"), ("mlp(width=8, depth=1)", "mlp(width=4)")
    pairs, _ = columns(load(run.folder), protocols, nets)
    tables = list(evaluate_all(run.folder, protocols=protocols, architectures=nets, nets=2))
    assert [(table.protocol, table.net) for table in tables] == pairs and len(prepared) == 1
    alone = evaluate(run.folder, protocol="paper-mtt", net=pairs[-1][1], nets=2)
    assert alone.tables(with_seconds=False) == tables[-1].tables(with_seconds=False)


def test_another_network_can_be_trained(make_run: Callable[..., Condensed]) -> None:
    run = make_run("evaluate.whole=false")
    table = evaluate(run.folder, net="convnet(depth=1, width=4, norm=batch)", baselines=False)
    assert table.net.startswith("convnet(depth=1, width=4, norm=batch")
    for wrong, words in (("convnett", "did you mean convnet"), ("convnet(depth=5)", "set depth=2 or less")):
        with pytest.raises(UsageError, match=words):
            evaluate(run.folder, net=wrong)


def test_wrong_requests_are_one_line(make_run: Callable[..., Condensed]) -> None:
    run = make_run()
    for wrong, words in (
        ({"protocol": "papper"}, "protocol 'papper' is unknown; did you mean paper"),
        ({"overrides": ("method.ipc=3",)}, "only evaluate.* can be set"),
        ({"nets": 1}, "'evaluate.nets': must be an integer of at least 2, got 1"),
        ({"device": "cuda:99"}, "device 'cuda:99'"),
        ({"device": "banana"}, "device 'banana'"),
    ):
        with pytest.raises(UsageError) as caught:
            evaluate(run.folder, **wrong)
        assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("preprocess", ["normalise", "zca"])
def test_raw_images_of_a_coreset_are_images_of_the_data(
    make_run: Callable[..., Condensed], tmp_path: Path, preprocess: str
) -> None:
    run = make_run(f"data.preprocess={preprocess}")
    assert run.set.facts.space == {"zca": "zca", "normalise": "normalised"}[preprocess]
    with np.load(tmp_path / "tiny.npz") as archive:
        pixels = archive["train_images"].transpose(0, 3, 1, 2).reshape(60, -1) / 255
        labels = archive["train_labels"]
    raw = ddkit.raw_images(load(run.folder))
    distance = np.abs(raw.flatten(1).numpy()[:, None] - pixels).max(2)
    assert distance.min(1).max() < 1e-4
    np.testing.assert_array_equal(labels[distance.argmin(1)], run.set.labels)
    assert evaluate(run.folder, baselines=False).scores[0].mean > 0.5  # and a whitened set can be judged
    if preprocess == "zca":
        with pytest.raises(DataError, match=r"zca space.*use ddkit.raw_images"):
            _ = run.set.raw_images
        write_data(tmp_path / "tiny.npz", seed=1)
        with pytest.raises(DataError, match="made with other data"):
            ddkit.raw_images(run.set)


def test_a_task_that_is_laid_out(home: Path) -> None:
    net = parse_net("mlp(depth=1, width=8)")
    task = load_task(DataSettings(augment="color_crop"), net, pick_device("cpu"))
    assert (task.net.shape, task.net.classes, task.dsa.strategy) == ((1, 8, 8), 10, "color_crop")
    assert len(task.real.train) + len(task.real.validation) == 1437


def test_the_environment_has_versions_and_neither_time_nor_paths() -> None:
    one, two = environment(torch.device("cpu")), environment(torch.device("cpu"))
    assert one == two and set(PACKAGES) < set(one)
    assert torch.__version__.startswith(str(one["torch"]))
    assert one["threads"] == torch.get_num_threads() and one["device"] == "cpu"
    assert not any("/" in str(value) for value in one.values())


def test_a_set_is_judged_on_another_test_part_with_a_remark(make_run: Callable[..., Condensed], tmp_path: Path) -> None:
    """No set depends on the test part, and copies of a dataset differ there (a few images that went through JPEG)."""
    arrays = dict(np.load(write_data(tmp_path / "tiny.npz")))
    arrays |= {name.replace("train", "test"): array[:30].copy() for name, array in arrays.items()}
    np.savez(tmp_path / "tiny.npz", **arrays)
    run = make_run()
    arrays["test_images"][0, 0, 0, 0] ^= 1
    np.savez(tmp_path / "tiny.npz", **arrays)
    meter = Listener()
    assert evaluate(run.folder, meter=meter).scores[0].name == "herding"
    remark = "its test part differs from the one that the set was made beside; scores may differ"
    assert sum(line.endswith(remark) for line in meter.lines) == 1
    arrays["train_images"][0, 0, 0, 0] ^= 1
    np.savez(tmp_path / "tiny.npz", **arrays)
    with pytest.raises(DataError, match="made with other data"):
        evaluate(run.folder)


def test_a_set_outlives_the_place_of_its_data(make_run: Callable[..., Condensed], tmp_path: Path) -> None:
    run = make_run("data.preprocess=zca")
    pixels = ddkit.raw_images(run.set)
    (tmp_path / "tiny.npz").rename(tmp_path / "moved.npz")
    with pytest.raises(DataError, match=r"tiny\.npz"):
        evaluate(run.set)
    moved = f"npz:{tmp_path / 'moved.npz'}"
    assert evaluate(run.set, data=moved).scores[0].name == "herding"
    assert torch.equal(ddkit.raw_images(run.set, data=moved), pixels)
    write_data(tmp_path / "other.npz", seed=1)
    with pytest.raises(DataError, match=r"other data .* name the data it was made from with --data"):
        evaluate(run.set, data=f"npz:{tmp_path / 'other.npz'}")


def test_papers_rival_is_left_out_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    short = dataclasses.replace(PAPERS["mtt"], epochs=2)
    monkeypatch.setitem(PAPERS, "mtt", short)
    found = evaluate("digits-ftd-ipc1", protocol="paper-mtt", nets=2, baselines=False)
    assert [score.name for score in found.scores] == ["ftd (last)"]


def test_paper_of_a_labelled_set_that_no_paper_knows_is_refused_at_once(make_run: Callable[..., Condensed]) -> None:
    """Also from the command line, which once evaluated MTT's protocol by its full name."""
    run = make_run()
    facts = dataclasses.replace(run.set.facts, method="rded", temperature=20.0)
    labelled = dataclasses.replace(run.set, facts=facts, soft_labels=torch.zeros(len(run.set), 3))
    for scoring in (lambda: evaluate(labelled, protocol="paper"), lambda: columns(labelled, ["paper"])):
        with pytest.raises(UsageError, match="does not use teachers' labels, and this set of rded has such"):
            scoring()


@pytest.mark.parametrize("protocol", ["honest", "paper-infer"])
def test_teachers_name_both_orientations_of_a_set_of_fyi_and_of_its_rivals(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """With one thread rows are scored in this process, where the calls of the teachers are counted."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setitem(PAPERS, "infer", dataclasses.replace(PAPERS["infer"], epochs=1))
    data = write_data(tmp_path / "tiny.npz")
    teachers = ("experts.name=teacher", "experts.nets=mlp(depth=1, width=8)", "experts.epochs=1", "experts.lr=0.01")
    run = condense(
        "rded", data=f"npz:{data}", ipc=2, overrides=(*TINY, *teachers), evaluate=False, out=tmp_path / "run"
    )
    orientations, labels = list[bool](), Ensemble.labels
    monkeypatch.setattr(Ensemble, "labels", lambda self, x: orientations.append(self.mirrored) or labels(self, x))
    words = ("evaluate.labels=static", "data.flips_keep_label=true")
    for fyi in (False, True):
        facts = dataclasses.replace(run.set.facts, fyi=fyi, evaluation_flip=0.5)
        evaluate(dataclasses.replace(run.set, facts=facts), protocol=protocol, overrides=words)
        assert orientations and set(orientations) == {fyi}
        orientations.clear()


@pytest.mark.parametrize("what", ["damaged", "others"])
def test_teachers_that_will_not_do_cost_a_row_and_a_line(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A set that brings its own labels is judged without its teachers."""
    data = write_data(tmp_path / "tiny.npz")
    teachers = ("experts.name=teacher", "experts.nets=mlp(depth=1, width=8)", "experts.epochs=1", "experts.lr=0.01")
    run = condense("rded", data=f"npz:{data}", ipc=2, overrides=(*TINY, *teachers), out=tmp_path / "run")
    assert run.evaluation is not None
    assert "random-real, same labels" in {score.name for score in run.evaluation.scores}
    (file,) = (home / "teachers").iterdir()
    bundle = read_bundle(file)
    file.write_bytes(b"nothing")
    if what == "others":
        write_bundle(Bundle(bundle.theta + 1e-6, bundle.stats, bundle.facts), file)
    lines: list[str] = []

    class Ear(SilentMeter):
        def say(self, line: str) -> None:
            lines.append(line)

    monkeypatch.setitem(PAPERS, "mtt", dataclasses.replace(PAPERS["mtt"], epochs=1))
    evaluate(run.folder, protocol="paper-mtt", meter=Ear())
    assert not [line for line in lines if line.startswith("left out")]  # its tables never have that row
    table = evaluate(run.folder, meter=Ear())
    assert "random-real, same labels" not in {score.name for score in table.scores}
    (line,) = [line for line in lines if line.startswith("left out: random-real")]
    assert {"damaged": "cannot be used", "others": "are not those of the set's labels"}[what] in line
