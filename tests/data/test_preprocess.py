import numpy as np
import pytest
import torch
from kornia.enhance import ZCAWhitening
from torch import Tensor

from ddkit.data import ZCA, Normalise, fit_preprocess, load_images
from ddkit.errors import DataError, UsageError


def smooth_images(count: int, channels: int, seed: int = 0) -> Tensor:
    """Images with correlated neighbours, as uint8 [count, channels, 6, 7]."""
    noise = np.random.default_rng(seed).normal(size=(count, channels, 6, 7))
    walk = np.cumsum(np.cumsum(noise, axis=2), axis=3) * 9 + 128
    return torch.from_numpy(walk.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("channels", [1, 3])
def test_normalise_against_numpy(channels: int) -> None:
    images = smooth_images(300, channels)
    raw = images.numpy().astype(np.float64) / 255
    fitted = Normalise.fit(images)
    np.testing.assert_allclose(fitted.mean, raw.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(fitted.std, raw.std((0, 2, 3)), rtol=1e-12)
    expected = (raw - raw.mean((0, 2, 3), keepdims=True)) / raw.std((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(fitted.forward(images), expected, atol=1e-5)


def test_a_constant_channel_keeps_std_one() -> None:
    images = smooth_images(20, 2)
    images[:, 1] = 51
    fitted = Normalise.fit(images)
    assert fitted.mean[1] == 0.2 and fitted.std[1] == 1.0
    assert fitted.forward(images)[:, 1].abs().max() < 1e-6


def zca_in_float64(fit_on: Tensor, images: Tensor) -> np.ndarray:
    """The textbook formula, by another decomposition and in another precision than ddkit's."""
    x = fit_on.numpy().astype(np.float64).reshape(len(fit_on), -1) / 255
    values, vectors = np.linalg.eigh(np.cov(x, rowvar=False))
    whiten = vectors @ np.diag((values + 0.1) ** -0.5) @ vectors.T
    y = images.numpy().astype(np.float64).reshape(len(images), -1) / 255
    return ((y - x.mean(0)) @ whiten).reshape(images.shape)


@pytest.mark.parametrize("channels", [1, 3])
def test_zca_against_numpy(channels: int) -> None:
    images = smooth_images(400, channels)
    fitted = ZCA.fit(images[:300])
    np.testing.assert_allclose(fitted.forward(images), zca_in_float64(images[:300], images), atol=1e-5)


def test_zca_is_kornias_to_the_bit() -> None:
    images = smooth_images(300, 3)
    ours = ZCA.fit(images)
    theirs = ZCAWhitening(dim=0, eps=0.1, compute_inv=True).fit(images / 255)
    for mine, other in (
        (ours.centre, theirs.mean_vector),
        (ours.matrix, theirs.transform_matrix),
        (ours.inverse_matrix, theirs.transform_inv),
    ):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("block", [7, 4096])
@pytest.mark.parametrize("kind", ["normalise", "zca"])
def test_a_fit_on_rows_is_the_fit_on_a_copy_of_them(kind: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    images, rows = smooth_images(200, 3), torch.arange(200).flip(0)[::3]
    copied = fit_preprocess(kind, images[rows])
    monkeypatch.setattr("ddkit.data.preprocess.BLOCK", block)
    fitted = fit_preprocess(kind, images, rows)
    assert fitted.digest == copied.digest
    assert torch.equal(fitted.forward(images), copied.forward(images))


def test_zca_shrinks_each_variance_by_its_share_of_eps() -> None:
    images = smooth_images(1000, 1)
    white = ZCA.fit(images).forward(images)
    raw_variances, white_variances = (
        np.linalg.eigvalsh(np.cov(x.flatten(1).double().numpy(), rowvar=False)) for x in (images / 255, white)
    )
    np.testing.assert_allclose(white_variances, raw_variances / (raw_variances + 0.1), atol=1e-5)


@pytest.mark.parametrize("kind", ["normalise", "zca"])
@pytest.mark.parametrize("channels", [1, 3])
def test_one_contract(kind: str, channels: int) -> None:
    images = smooth_images(200, channels)
    fitted = fit_preprocess(kind, images)
    x = fitted.forward(images)
    assert x.dtype == torch.float32 and x.shape == images.shape
    torch.testing.assert_close(fitted.inverse(x), images / 255, atol=1e-5, rtol=0)
    torch.testing.assert_close(fitted.forward(images / 255), x)  # floats are taken as [0, 1]
    one_by_one = torch.cat([fitted.forward(image[None]) for image in images[:20]])
    torch.testing.assert_close(one_by_one, x[:20], atol=1e-5, rtol=1e-5)
    assert fitted.inverse(x + 100).max() > 1.5  # nothing is clipped
    assert fitted.to("cpu").digest == fitted.digest
    assert fitted.space == {"normalise": "normalised", "zca": "zca"}[kind]


@pytest.mark.parametrize("kind", ["normalise", "zca"])
def test_inverse_carries_gradients(kind: str) -> None:
    fitted = fit_preprocess(kind, smooth_images(200, 3))
    x = torch.zeros(2, 3, 6, 7, requires_grad=True)
    fitted.inverse(x).sum().backward()
    assert x.grad is not None and x.grad.abs().min() > 0


@pytest.mark.parametrize("kind", ["normalise", "zca"])
def test_digest_names_the_fit(kind: str) -> None:
    images = smooth_images(100, 3)
    fitted = fit_preprocess(kind, images)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert fit_preprocess(kind, images.clone()).digest == fitted.digest
    finally:
        torch.set_num_threads(threads)
    images[0, 0, 0, 0] ^= 1
    assert fit_preprocess(kind, images).digest != fitted.digest
    assert fit_preprocess("zca" if kind == "normalise" else "normalise", images).digest != fitted.digest


def test_digits() -> None:
    images = load_images("digits").train_images
    fitted = ZCA.fit(images)
    np.testing.assert_allclose(fitted.forward(images), zca_in_float64(images, images), atol=1e-5)


def test_refusals() -> None:
    with pytest.raises(UsageError, match="did you mean normalise"):
        fit_preprocess("normalize", smooth_images(5, 1))
    with pytest.raises(DataError, match="at least 2 training images, got 1"):
        fit_preprocess("zca", smooth_images(1, 1))
