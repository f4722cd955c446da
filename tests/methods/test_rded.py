"""RDED by brute force: every candidate is cropped again by torch's interpolation, and judged by the ordinary module."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from ddkit.data import RealData, random_box
from ddkit.errors import UsageError
from ddkit.experts import Ensemble
from ddkit.methods import Context
from ddkit.methods.rded import RDED, RDEDSettings
from ddkit.randomness import stream


def losses_by_hand(ensemble: Ensemble, crops: torch.Tensor, c: int, factor: int) -> torch.Tensor:
    bundle = ensemble.teachers[0]
    with torch.random.fork_rng():
        module = bundle.net.settings.build((1, 8, 8), 3).eval()
    torch.nn.utils.vector_to_parameters(bundle.theta, module.parameters())
    module.load_state_dict(bundle.stats, strict=False)
    framed = torch.zeros(len(crops), 1, 8, 8)
    margin = (8 - 8 // factor) // 2
    framed[:, :, margin : 8 - margin, margin : 8 - margin] = crops
    with torch.no_grad():
        return F.cross_entropy(module(framed), torch.full((len(crops),), c), reduction="none")


def by_hand(real: RealData, ensemble: Ensemble, settings: RDEDSettings) -> torch.Tensor:
    """The chosen crops of all classes [classes, ipc * factor^2, ...], from all candidates."""
    draw, side, factor = stream(0, "condense"), 8 // settings.factor, settings.factor
    found = []
    for c in range(3):
        members = [i for i, label in enumerate(real.train.labels.tolist()) if label == c]
        order = torch.randperm(len(members), generator=draw).tolist()[: settings.mipc]
        best = []
        for i in order:
            image, candidates = real.train.images[members[i]], []
            for _ in range(settings.num_crop):
                top, left, height, width = random_box((8, 8), (0.08, 1.0), draw, (1.0, 1.0))
                part = image[None, :, top : top + height, left : left + width]
                candidates.append(F.interpolate(part, (side, side), mode="bilinear", antialias=True)[0])
            losses = losses_by_hand(ensemble, torch.stack(candidates), c, factor)
            best.append(min(zip(losses.tolist(), candidates, strict=True), key=lambda pair: pair[0]))
        best.sort(key=lambda pair: pair[0])
        found.append(torch.stack([crop for _, crop in best[: settings.ipc * factor**2]]))
    return torch.stack(found)


def made(context: Context, settings: RDEDSettings):
    return RDED(settings, context).distil()


@pytest.mark.parametrize("chunk", [250, 9, 1])
@pytest.mark.parametrize("ipc", [1, 4])
def test_the_surest_crops_of_all_are_kept(
    make_context: Callable[..., Context],
    real: RealData,
    ensemble: Ensemble,
    ipc: int,
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ddkit.methods.rded.CHUNK", chunk)
    settings = RDEDSettings(ipc=ipc, mipc=9, num_crop=4)
    synthetic = made(make_context("teacher"), settings)
    expected = by_hand(real, ensemble, settings)
    torch.testing.assert_close(synthetic.images, expected.flatten(0, 1), atol=1e-5, rtol=0)
    assert synthetic.labels.tolist() == [c for c in range(3) for _ in range(ipc)]


def test_four_crops_make_one_image(make_context: Callable[..., Context], real: RealData, ensemble: Ensemble) -> None:
    settings = RDEDSettings(ipc=2, mipc=10, num_crop=3, factor=2)
    images = made(make_context("teacher"), settings).images
    assert images.shape == (6, 1, 8, 8)
    crops = by_hand(real, ensemble, settings).view(6, 4, 1, 4, 4)  # the four surest first
    quarters = [images[..., :4, :4], images[..., :4, 4:], images[..., 4:, :4], images[..., 4:, 4:]]
    for i, quarter in enumerate(quarters):
        torch.testing.assert_close(quarter, crops[:, i], atol=1e-5, rtol=0)


def test_more_candidates_are_surer(make_context: Callable[..., Context], ensemble: Ensemble) -> None:
    mean = []
    for crops in (1, 8):
        images = made(make_context("teacher"), RDEDSettings(ipc=2, num_crop=crops)).images.view(3, 2, 1, 8, 8)
        mean.append(sum(float(losses_by_hand(ensemble, own, c, 1).mean()) for c, own in enumerate(images)))
    assert mean[1] < mean[0]


def test_labels_are_the_teachers(make_context: Callable[..., Context], ensemble: Ensemble) -> None:
    synthetic = made(make_context("teacher"), RDEDSettings(ipc=2))
    assert synthetic.soft_labels is not None and synthetic.facts.temperature == 20.0
    said = torch.stack([bundle.net(bundle.theta, synthetic.images, bundle.stats) for bundle in ensemble]).mean(0)
    torch.testing.assert_close(synthetic.soft_labels, said, rtol=2**-10, atol=1e-4)


def test_mipc_that_is_too_small_gives_way(make_context: Callable[..., Context]) -> None:
    assert len(made(make_context("teacher"), RDEDSettings(ipc=3, mipc=1))) == 9


@pytest.mark.parametrize(
    "settings, said",
    [({"ipc": 99}, "class 0 has .* 99 are needed"), ({"ipc": 3, "factor": 2}, "12 are needed"),
     ({"factor": 3}, "cannot be cut into 3 equal parts")],
)  # fmt: skip
def test_what_cannot_be_is_one_line(make_context: Callable[..., Context], settings: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        made(make_context("teacher"), RDEDSettings(**settings))
    assert "\n" not in str(caught.value)


def test_without_teachers_it_is_one_line(make_context: Callable[..., Context]) -> None:
    with pytest.raises(UsageError, match="needs teachers"):
        RDED(RDEDSettings(), make_context(None))
