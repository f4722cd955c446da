"""SRe2L: what it begins from, what it keeps to, and in which order."""

from collections.abc import Callable

import torch

from ddkit.data import RealData
from ddkit.experts import Ensemble
from ddkit.methods import Context
from ddkit.methods.sre2l import SRe2L, SRe2LSettings


def test_images_stay_in_the_valid_range_at_every_step(make_context: Callable[..., Context], real: RealData) -> None:
    method = SRe2L(SRe2LSettings(ipc=2, iterations=6, lr=3.0), make_context("teacher"))
    state = method.init()
    assert real.preprocess.inverse(state.learned.flatten(0, 2)).min() < -0.02  # noise is not in it yet
    for _ in range(6):
        state, _ = method.step(state)
        pixels = real.preprocess.inverse(method.recovered(state).flatten(0, 2))
        assert -1e-5 < pixels.min() and pixels.max() < 1 + 1e-5
    assert (pixels < 1e-5).any() and (pixels > 1 - 1e-5).any()
    images = method.finish(state).images
    assert -1e-5 < real.preprocess.inverse(images).min() and real.preprocess.inverse(images).max() < 1 + 1e-5


def test_the_set_is_class_by_class(make_context: Callable[..., Context]) -> None:
    method = SRe2L(SRe2LSettings(ipc=3, iterations=2), make_context("teacher"))
    state = method.init()
    assert state.learned.shape == (1, 3, 3, 1, 8, 8)  # a teacher, sets, classes
    synthetic = method.finish(state)
    assert synthetic.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2] and synthetic.compact is None
    for c in range(3):
        for j in range(3):
            assert torch.equal(synthetic.images[3 * c + j], state.learned[0, j, c])


def test_it_makes_images_that_its_teacher_knows(make_context: Callable[..., Context], ensemble: Ensemble) -> None:
    """Each image is taken for its class by the first teacher, and better than at the beginning."""
    settings = SRe2LSettings(ipc=2, iterations=60, lr=0.3, r_bn=0.0, jitter=0)
    method = SRe2L(settings, make_context("teacher"))
    state, losses = method.init(), []
    for _ in range(60):
        state, metrics = method.step(state)
        losses.append(float(metrics["loss"]))
    synthetic = method.finish(state)
    first = ensemble.teachers[0]
    assert torch.equal(first.net(first.theta, synthetic.images, first.stats).argmax(1), synthetic.labels)
    assert losses[-1] < 0.3 * losses[0]


def test_labels_are_those_of_all_teachers(make_context: Callable[..., Context], ensemble: Ensemble) -> None:
    method = SRe2L(SRe2LSettings(ipc=2), make_context("teacher"))
    synthetic = method.finish(method.init())
    logits = [bundle.net(bundle.theta, synthetic.images, bundle.stats) for bundle in ensemble]
    assert synthetic.soft_labels is not None
    torch.testing.assert_close(synthetic.soft_labels, torch.stack(logits).mean(0), rtol=2**-10, atol=1e-4)
    assert synthetic.stored_bytes() == {"images": 4 * 6 * 64, "soft labels": 2 * 6 * 3}
