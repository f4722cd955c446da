"""INFER's set: which images, which compensators, which labels."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ddkit.data import RealData
from ddkit.errors import NumericalError
from ddkit.experts import Ensemble
from ddkit.methods import Context
from ddkit.methods.infer import INFER, InferSettings
from ddkit.nets import FlatNet, parse_net
from ddkit.run import RunFolder, SilentMeter, drive
from ddkit.synth import SyntheticSet, read_set, write_set

M = 2  # the ensemble's teachers


def made(context: Context, **settings) -> SyntheticSet:
    method = INFER(InferSettings(**({"ipc": 4, "iterations": 5, "lr": 1.0} | settings)), context)
    state = method.init()
    for _ in range(method.iterations):
        state, _ = method.step(state)
    return method.finish(state)


def raw(real: RealData, images: torch.Tensor) -> torch.Tensor:
    """Images in the normalised space as bytes on a scale of 255, not rounded."""
    return real.preprocess.inverse(images) * 255


def test_what_is_stored(make_context: Callable[..., Context], real: RealData) -> None:
    synthetic = made(make_context("teacher"))
    compact = synthetic.compact
    assert compact is not None
    n = 4 * 3 // (3 + M)
    assert n == 2 and compact.real.shape == (3, n, 1, 8, 8) and compact.compensators.shape == (M, n, 1, 8, 8)
    assert (compact.real.dtype, compact.compensators.dtype) == (torch.uint8, torch.float16)
    rows = []
    for label, of_class in enumerate(compact.real):  # real images are training images of their class, to the byte
        for image in of_class:
            same = (real.data.train_images == image).flatten(1).all(1).nonzero().flatten().tolist()
            assert len(same) == 1 and same[0] in real.train_index.tolist()
            assert int(real.data.train_labels[same[0]]) == label
            rows += same
    assert len(set(rows)) == 3 * n  # none twice


def test_a_compensator_serves_all_classes(make_context: Callable[..., Context], real: RealData) -> None:
    """Where nothing was clipped, what was added to a class's image is what was added to every other class's."""
    synthetic = made(make_context("teacher"), lr=0.05)
    assert synthetic.compact is not None
    images = synthetic.images.view(3, 1 + M, 2, 1, 8, 8)  # class, real and teachers, which of n
    bytes_ = raw(real, images.flatten(0, 2)).view(images.shape)
    torch.testing.assert_close(bytes_[:, 0], synthetic.compact.real.float(), atol=1e-3, rtol=0)
    assert bytes_.min() > -1e-3 and bytes_.max() < 255 + 1e-3  # the valid range
    inside = (bytes_[:, 1:] > 0.01) & (bytes_[:, 1:] < 254.99)
    added = images[:, 1:] - images[:, :1]
    for c in range(3):
        torch.testing.assert_close(
            added[c][inside[c]], synthetic.compact.compensators.float()[inside[c]], atol=1e-5, rtol=0
        )
    assert inside.float().mean() > 0.5 and synthetic.compact.compensators.abs().max() > 0.05


def test_large_compensators_are_clipped(make_context: Callable[..., Context], real: RealData) -> None:
    bytes_ = raw(real, made(make_context("teacher"), lr=20.0).images)
    assert -1e-3 < bytes_.min() < 0.01 and 254.99 < bytes_.max() < 255 + 1e-3
    assert ((bytes_ < 0.01) | (bytes_ > 254.99)).float().mean() > 0.3


def test_labels_are_the_mean_of_logits_by_the_ordinary_modules(
    make_context: Callable[..., Context], ensemble: Ensemble
) -> None:
    synthetic = made(make_context("teacher"), temperature=7.0)
    predicted = []
    for bundle in ensemble:
        net = FlatNet(parse_net(bundle.facts.net), (1, 8, 8), 3)
        with torch.random.fork_rng():
            module = net.settings.build((1, 8, 8), 3).eval()
        torch.nn.utils.vector_to_parameters(bundle.theta, module.parameters())
        module.load_state_dict(bundle.stats, strict=False)
        with torch.no_grad():
            predicted.append(module(synthetic.images))
    expected = torch.stack(predicted).mean(0)
    assert synthetic.soft_labels is not None
    assert torch.equal(synthetic.soft_labels, synthetic.soft_labels.half().float())  # what float16 holds
    torch.testing.assert_close(synthetic.soft_labels, expected, rtol=2**-10, atol=1e-4)
    assert (predicted[0] - predicted[1]).abs().max() > 0.1
    assert (synthetic.facts.temperature, synthetic.facts.teachers) == (7.0, "; ".join(ensemble.names))
    assert synthetic.labels.tolist() == [c for c in range(3) for _ in range(2 * (M + 1))]


def test_without_labels(make_context: Callable[..., Context]) -> None:
    synthetic = made(make_context("teacher"), soft_labels=False)
    assert synthetic.soft_labels is None and synthetic.facts.temperature is None
    assert set(synthetic.stored_bytes()) == {"real images", "compensators"}


@pytest.mark.parametrize("ipc", [1, 2, 5, 9])
def test_it_stores_no_more_than_its_images_a_class(make_context: Callable[..., Context], ipc: int) -> None:
    compact = made(make_context("teacher"), ipc=ipc, iterations=1).compact
    assert compact is not None
    assert compact.real.shape[0] * compact.real.shape[1] + compact.compensators.shape[:2].numel() <= 3 * ipc


def test_one_image_a_class_is_a_labelled_real_one(
    make_context: Callable[..., Context], real: RealData, ensemble: Ensemble, tmp_path: Path
) -> None:
    """Nothing is left to be learned; the run, its checkpoint and its file are those of any method."""
    method = INFER(InferSettings(ipc=1), make_context("teacher"))
    assert method.iterations == 0
    folder = RunFolder(tmp_path / "run")
    state = drive(method, folder, SilentMeter())
    again = drive(method, folder, SilentMeter(), resume=True)
    synthetic = method.finish(state)
    assert torch.equal(method.finish(again).images, synthetic.images)
    assert synthetic.images.shape == (3, 1, 8, 8) and synthetic.labels.tolist() == [0, 1, 2]
    assert all((real.train.images == image).flatten(1).all(1).any() for image in synthetic.images)
    torch.testing.assert_close(synthetic.soft_labels, ensemble.labels(synthetic.images), rtol=0, atol=0)
    write_set(synthetic, tmp_path / "set.h5")
    assert torch.equal(read_set(tmp_path / "set.h5").images, synthetic.images)


def test_a_resumed_run_writes_the_same_bytes(make_context: Callable[..., Context], tmp_path: Path) -> None:
    """Killed between the two teachers' courses and within one."""
    settings = InferSettings(ipc=4, iterations=4, batch=3)
    context = make_context("teacher")
    whole = drive(INFER(settings, context), RunFolder(tmp_path / "a"), SilentMeter())
    write_set(INFER(settings, context).finish(whole), tmp_path / "whole.h5")
    for cut in (4, 6, 13):
        method, taken = INFER(settings, context), []
        step = method.step

        def killed(state, step=step, taken=taken, cut=cut):
            if len(taken) == cut:
                raise KeyboardInterrupt
            taken.append(None)
            return step(state)

        method.step = killed  # type: ignore[method-assign]
        folder = RunFolder(tmp_path / f"cut{cut}")
        with pytest.raises(KeyboardInterrupt):
            drive(method, folder, SilentMeter(), checkpoint_every=1)
        state = drive(INFER(settings, context), folder, SilentMeter(), resume=True, checkpoint_every=1)
        write_set(INFER(settings, context).finish(state), tmp_path / "resumed.h5")
        assert (tmp_path / "resumed.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_another_seed_draws_other_real_images_and_shifts(make_context: Callable[..., Context]) -> None:
    one, two = (made(make_context("teacher", seed)).compact for seed in (0, 1))
    assert one is not None and two is not None and not torch.equal(one.real, two.real)
    context = make_context("teacher")
    still, moved = (made(context, jitter=jitter).compact for jitter in (0, 4))
    assert still is not None and moved is not None
    assert torch.equal(still.real, moved.real) and not torch.equal(still.compensators, moved.compensators)


def test_teachers_learn_one_after_the_other(make_context: Callable[..., Context]) -> None:
    """The second teacher's compensators do not depend on the first's being there."""
    context = make_context("teacher")
    assert context.teachers is not None
    both = made(context, iterations=3, jitter=0).compact
    alone = dataclasses.replace(
        context, teachers=dataclasses.replace(context.teachers, teachers=context.teachers.teachers[::-1])
    )
    turned = made(alone, iterations=3, jitter=0).compact
    assert both is not None and turned is not None
    assert torch.equal(both.compensators, turned.compensators.flip(0))


def test_with_fyi_both_views_of_an_image_have_their_own_label(make_context: Callable[..., Context]) -> None:
    context = make_context("teacher")
    synthetic, plain = made(context, fyi=True), made(context)
    assert synthetic.compact is not None and plain.compact is not None and context.teachers is not None
    views = synthetic.images.view(3, 2, -1, 1, 8, 8)  # class, view, image
    assert torch.equal(views[:, 1], views[:, 0].flip(-1)) and len(synthetic) == 2 * len(plain)
    assert torch.equal(synthetic.soft_labels, context.teachers.labels(synthetic.images))
    assert (synthetic.soft_labels.view(3, 2, -1, 3).diff(dim=1)).abs().max() > 1e-3
    assert synthetic.compact.stored_bytes() == plain.compact.stored_bytes()  # no image is stored twice
    assert synthetic.facts.fyi and synthetic.facts.evaluation_flip == 0  # asks for no flips
    assert InferSettings(fyi=True).title == "infer+fyi"


def test_labels_are_of_both_orientations_where_fyi_meets_flips(make_context: Callable[..., Context]) -> None:
    """Networks that are mirrored half of the time would learn each view under the other's label."""
    context = make_context("teacher", augment="flip")
    synthetic = made(context, fyi=True)
    assert context.teachers is not None
    views = synthetic.images.view(3, 2, -1, 1, 8, 8)
    own = [context.teachers.logits(views[:, view].flatten(0, 1)).view(3, -1, 3) for view in (0, 1)]
    expected = torch.stack([(own[0] + own[1]) / 2] * 2, 1).flatten(0, 2).half().float()
    torch.testing.assert_close(synthetic.soft_labels, expected, rtol=2e-3, atol=1e-4)
    assert synthetic.facts.teachers.count(" of both orientations") == 2
    plain = made(context)  # published so: the label is of the image as it is
    assert torch.equal(plain.soft_labels, context.teachers.labels(plain.images)) and "both" not in plain.facts.teachers


def test_a_compensator_beyond_float16_is_one_line(make_context: Callable[..., Context]) -> None:
    with pytest.raises(NumericalError, match=r"too large for float16; lower method\.lr"):
        made(make_context("teacher"), lr=1e9, iterations=2)
