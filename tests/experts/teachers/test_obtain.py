"""Teachers that are trained once, to the same bytes, and go on where they were interrupted."""

import dataclasses
import importlib
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from ddkit.data import DSA, DataSettings, RealData, prepare
from ddkit.errors import DataError, NumericalError, RecipeError
from ddkit.experts import TeacherSettings, obtain_teachers, read_bundle
from ddkit.experts.population_stats import population_stats
from ddkit.experts.train import train_expert
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.run import SilentMeter
from ddkit.task import Task

NETS = "convnet(depth=1, width=4, norm=batch); mlp(depth=1, width=8)"
SETTINGS = TeacherSettings(nets=NETS, epochs=3, batch=8, lr=0.05, count=2)


def mlp(real: RealData) -> FlatNet:
    """The task's own network, which no teacher has."""
    return FlatNet(parse_net("mlp(depth=1, width=2)"), real.data.shape, real.data.class_count)


def obtain(root: Path, real: RealData, settings: TeacherSettings = SETTINGS, **changes):
    return obtain_teachers(
        root, Task(real, mlp(real), DSA("flip")), dataclasses.replace(settings, **changes), SilentMeter()
    )


def contents(root: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in root.iterdir()}


def test_the_files_and_the_order_of_the_teachers(real: RealData, tmp_path: Path) -> None:
    found = obtain(tmp_path, real)
    assert found.trained == 4 and len(contents(tmp_path)) == 4
    assert [bundle.facts.net.split("(")[0] for bundle in found] == ["convnet", "convnet", "mlp", "mlp"]
    assert len({bundle.digest for bundle in found}) == 4
    again = obtain(tmp_path, real)
    assert again.trained == 0 and again.names == found.names
    turned = obtain(tmp_path, real, nets="; ".join(reversed(NETS.split("; "))))  # who stands beside it is no part of it
    assert turned.trained == 0 and turned.names == found.names[2:] + found.names[:2]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_teacher_trained_twice_has_equal_bytes(
    real: RealData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    """Alone or in company, here or in a process of its own."""
    obtain(tmp_path / "one", real)
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: processes)
    obtain(tmp_path / "two", real, nets=NETS.split("; ")[1])
    obtain(tmp_path / "two", real)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_interrupted_training_goes_on(real: RealData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    obtain(tmp_path / "whole", real)
    trained: list[dict] = []
    epochs: list[int] = []

    class Stops(SilentMeter):
        def advance(self, done: int, metrics: dict) -> None:  # type: ignore[override]
            epochs.append(done)
            if metrics and metrics not in trained:
                trained.append(metrics)
            if len(trained) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        obtain_teachers(tmp_path / "broken", Task(real, mlp(real), DSA("flip")), SETTINGS, Stops())
    kept = contents(tmp_path / "broken")
    assert len(kept) == 2
    assert epochs == sorted(epochs) and epochs[0] == 1  # reported from the first epoch on
    assert obtain(tmp_path / "broken", real).trained == 2
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    assert kept.items() <= contents(tmp_path / "whole").items()


def test_files_of_another_version_are_left_alone(
    real: RealData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("ddkit.experts.teachers.wanted")
    obtain(tmp_path, real, nets="mlp(depth=1, width=8)", count=1)
    (old,) = contents(tmp_path).items()
    monkeypatch.setattr(module, "FORMAT", "ddkit-teacher/3")
    assert obtain(tmp_path, real, nets="mlp(depth=1, width=8)", count=1).trained == 1
    assert len(contents(tmp_path)) == 2 and contents(tmp_path)[old[0]] == old[1]


def test_a_teacher_that_was_removed_is_trained_again(real: RealData, tmp_path: Path) -> None:
    obtain(tmp_path, real)
    before = contents(tmp_path)
    (tmp_path / min(before)).unlink()
    assert obtain(tmp_path, real).trained == 1 and contents(tmp_path) == before


@pytest.mark.parametrize("change", [{"epochs": 2}, {"lr": 0.06}, {"batch": 9}, {"seed": 1}, {"weight_decay": 0.0}])
def test_other_settings_are_another_file(real: RealData, tmp_path: Path, change: dict) -> None:
    one = TeacherSettings(nets="mlp(depth=1, width=8)", epochs=1, batch=8, lr=0.05)
    obtain(tmp_path, real, one)
    before = contents(tmp_path)
    assert obtain(tmp_path, real, one, **change).trained == 1
    after = contents(tmp_path)
    assert len(after) == 2 and before.items() <= after.items()


def test_other_data_and_augmentation_are_another_file(real: RealData, tmp_path: Path) -> None:
    one = TeacherSettings(nets="mlp(depth=1, width=8)", epochs=1, batch=8)
    obtain(tmp_path, real, one)
    obtain_teachers(tmp_path, Task(real, mlp(real), DSA("")), one, SilentMeter())
    obtain(tmp_path, prepare(real.data, DataSettings(name="tiny", validation=0.2, split_seed=1)), one)
    assert len(contents(tmp_path)) == 3


def test_more_teachers_leave_the_first_ones_alone(real: RealData, tmp_path: Path) -> None:
    one = TeacherSettings(nets="mlp(depth=1, width=8)", epochs=1, batch=8)
    first = obtain(tmp_path, real, one)
    before = contents(tmp_path)
    found = obtain(tmp_path, real, one, count=3)
    assert found.trained == 2 and before.items() <= contents(tmp_path).items()
    assert found.names[0] == first.names[0]


def test_a_teacher_is_the_end_of_an_expert(real: RealData, tmp_path: Path) -> None:
    found = obtain(tmp_path, real)
    for index, which in ((1, 1), (2, 0)):
        bundle = found.teachers[index]
        epochs = train_expert(Task(real, bundle.net, DSA("flip")), SETTINGS, 3, stream(0, "expert", which))
        assert torch.equal([theta for theta, _ in epochs][-1], bundle.theta)


def test_the_rate_falls_along_half_a_cosine() -> None:
    """As torch's CosineAnnealingLR, an epoch a step."""
    settings = TeacherSettings(epochs=7, lr=0.3)
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 7)
    for epoch in range(7):
        assert math.isclose(settings.lr_in(epoch), sgd.param_groups[0]["lr"], rel_tol=1e-9)
        sgd.step()
        cosine.step()


def test_validation_accuracy_is_what_the_module_does(real: RealData, tmp_path: Path) -> None:
    for bundle in obtain(tmp_path, real):
        with torch.random.fork_rng():
            module = bundle.net.settings.build((1, 8, 8), 3).eval()
        nn.utils.vector_to_parameters(bundle.theta, module.parameters())
        module.load_state_dict(bundle.stats, strict=False)
        hits = module(real.validation.images).argmax(1) == real.validation.labels
        assert bundle.facts.validation_accuracy == pytest.approx(float(hits.float().mean()))


def test_facts_are_those_of_the_data(real: RealData, tmp_path: Path) -> None:
    facts = obtain(tmp_path, real).teachers[0].facts
    assert (facts.classes, facts.shape, facts.data, facts.data_digest) == (
        ("a", "b", "c"), (1, 8, 8), "tiny", real.data.digest,
    )  # fmt: skip
    pixels = real.data.train_images[real.train_index].double() / 255
    assert facts.mean == pytest.approx((pixels.mean().item(),))
    assert facts.std == pytest.approx((pixels.std(correction=0).item(),))


def test_population_statistics_are_those_of_one_big_batch() -> None:
    """A single batch: the first layer's mean and (unbiased) variance of all images."""
    net, draw = FlatNet(parse_net("convnet(depth=2, width=4, norm=batch)"), (1, 8, 8), 3), stream(0, "x")
    theta, images = net.init(draw), torch.randn(300, 1, 8, 8, generator=draw)
    found = population_stats(net, theta, images)
    with torch.random.fork_rng():
        module = net.settings.build((1, 8, 8), 3).train()
    nn.utils.vector_to_parameters(theta, module.parameters())
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    module(images)
    buffers = dict(module.named_buffers())
    assert len(found) == 4
    for name, value in found.items():
        torch.testing.assert_close(value, buffers[name], rtol=1e-5, atol=1e-6)


def test_population_statistics_are_those_of_all_images_however_they_lie() -> None:
    """1300 images in order of brightness, as data that lies class by class: three batches in file order would each have
    a third of the spread."""
    net, draw = FlatNet(parse_net("convnet(depth=2, width=4, norm=batch)"), (1, 8, 8), 3), stream(0, "x")
    theta = net.init(draw)
    images = torch.randn(1300, 1, 8, 8, generator=draw) + torch.linspace(0, 6, 1300).view(-1, 1, 1, 1)
    found, all_at_once = population_stats(net, theta, images), net.batch_stats(theta, images)
    for name, value in found.items():
        torch.testing.assert_close(value, all_at_once[name], rtol=0.05, atol=0.02)
    assert population_stats(FlatNet(parse_net("mlp(depth=1, width=4)"), (1, 8, 8), 3), theta, images) == {}


def test_a_teacher_from_a_file_stands_where_it_is_named(real: RealData, tmp_path: Path) -> None:
    given = obtain(tmp_path / "theirs", real, count=1)
    file = next(f for f in (tmp_path / "theirs").iterdir() if read_bundle(f).facts.net.startswith("mlp"))
    own = "convnet(depth=1, width=4, norm=batch)"
    found = obtain(tmp_path / "ours", real, nets=f"file:{file}; {own}", count=1)
    assert found.names == given.names[::-1] and found.trained == 1
    assert len(contents(tmp_path / "ours")) == 1


def test_what_cannot_be_obtained_is_one_line(real: RealData, tmp_path: Path) -> None:
    whitened = prepare(real.data, DataSettings(name="tiny", validation=0.2, preprocess="zca"))
    with pytest.raises(DataError, match=r'need data\.preprocess = "normalise", not zca'):
        obtain(tmp_path, whitened)
    with pytest.raises(DataError, match="no such file"):
        obtain(tmp_path, real, nets=f"file:{tmp_path / 'none.pt'}")
    obtain(tmp_path, real, nets="mlp(depth=1, width=8)", count=1)
    (file,) = tmp_path.iterdir()
    others = dataclasses.replace(real, data=dataclasses.replace(real.data, classes=("a", "c", "b")))
    with pytest.raises(DataError, match="class 1 is 'b', the data's is 'c'"):
        obtain(tmp_path, others, nets=f"file:{file}")
    file.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"or damaged .*; fetch another copy"):
        obtain(tmp_path, real, nets="mlp(depth=1, width=8)", count=1)


def test_another_teacher_under_its_name_is_one_line(real: RealData, tmp_path: Path) -> None:
    """As a file copied over another one is."""
    obtain(tmp_path, real, nets="mlp(depth=1, width=8); mlp(depth=1, width=4)", count=1)
    first, second = sorted(tmp_path.iterdir())
    first.write_bytes(second.read_bytes())
    with pytest.raises(DataError, match=r"which its name does not state; `ddkit teachers rm") as caught:
        obtain(tmp_path, real, nets="mlp(depth=1, width=8); mlp(depth=1, width=4)", count=1)
    assert "\n" not in str(caught.value)


def test_a_teacher_that_diverges_is_not_stored(real: RealData, tmp_path: Path) -> None:
    with pytest.raises(NumericalError, match=r"lower experts\.lr"):
        obtain(tmp_path, real, nets="mlp(depth=1, width=8)", lr=1e30)
    assert not list(tmp_path.glob("*.pt"))


@pytest.mark.parametrize("nets", ["", " ; ;"])
def test_teachers_without_a_network_are_one_line(nets: str) -> None:
    with pytest.raises(RecipeError, match="names no network"):
        TeacherSettings(nets=nets)


def test_one_network_spelt_in_two_ways_is_one_teacher() -> None:
    with pytest.raises(RecipeError, match="names one network twice"):
        TeacherSettings(nets="convnet(norm=batch, depth=1); convnet(depth=1,norm=batch)")
