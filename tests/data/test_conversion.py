"""Conversions against formulas in float64, PyTorch's bicubic filter and the tables of the formats."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from ddkit.data import load_images
from ddkit.data.conversion import Changes, Conversion, NotConverted
from ddkit.data.reading import Reading
from ddkit.errors import DataError

RANDOM = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RANDOM.integers(256, size=shape, dtype=np.uint8)


def slow_rgb(picture: Image.Image) -> np.ndarray:
    """RGB as float64, by the definition of each mode."""
    array = np.asarray(picture).astype(np.float64)
    if picture.mode == "P":
        palette = np.array(picture.getpalette(), float).reshape(-1, 3)
        colours = palette[array.astype(int)]
        return np.where((array == picture.info.get("transparency", -1))[..., None], 255, colours)
    if picture.mode == "1":
        return np.repeat(array[..., None] * 255, 3, 2)
    if picture.mode == "L":
        return np.repeat(array[..., None], 3, 2)
    if picture.mode == "I;16":
        return np.repeat(array[..., None] / 257, 3, 2)
    if picture.mode == "CMYK":
        return (255 - array[..., :3]) * (255 - array[..., 3:]) / 255
    if picture.mode in ("LA", "RGBA"):
        alpha = array[..., -1:] / 255
        return np.broadcast_to(array[..., :-1] * alpha + 255 * (1 - alpha), (*array.shape[:2], 3))
    return array


def with_hole() -> Image.Image:
    picture = Image.fromarray(noise(6, 7, 3)).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    picture.info["transparency"] = 3
    return picture


PICTURES = {
    "L": Image.fromarray(noise(6, 7)),
    "RGB": Image.fromarray(noise(6, 7, 3)),
    "P": Image.fromarray(noise(6, 7, 3)).convert("P", palette=Image.Palette.ADAPTIVE),
    "P with a hole": with_hole(),
    "RGBA": Image.fromarray(noise(6, 7, 4)),
    "LA": Image.fromarray(noise(6, 7, 2)),
    "1": Image.fromarray(noise(6, 7)).convert("1"),
    "CMYK": Image.frombytes("CMYK", (7, 6), noise(6, 7, 4).tobytes()),
    "I;16": Image.fromarray(RANDOM.integers(65536, size=(6, 7)).astype(np.uint16)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_every_mode_becomes_rgb_and_grey_by_its_definition(name: str) -> None:
    picture = PICTURES[name]
    assert picture.mode == name.partition(" ")[0]
    expected = slow_rgb(picture)
    rgb = Conversion(mode="RGB")(picture)
    assert rgb.mode == "RGB" and rgb.size == (7, 6)
    np.testing.assert_allclose(np.asarray(rgb).astype(float), expected, atol=1)
    grey = np.asarray(Conversion(mode="L")(picture)).astype(float)
    np.testing.assert_allclose(grey, expected @ [0.299, 0.587, 0.114], atol=1.5)


def test_pictures_that_are_right_are_not_touched() -> None:
    for name in ("L", "RGB"):
        picture = PICTURES[name]
        np.testing.assert_array_equal(Conversion(mode=name)(picture), picture)
        assert Conversion()(picture) is picture
    square = Image.fromarray(noise(9, 9, 3))
    assert Conversion(9)(square) is square and not Conversion() and Conversion(9)


@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 48, 3), (56, 32, 3)])
def test_the_short_side_is_resized_without_aliases_and_the_centre_kept(shape: tuple[int, ...]) -> None:
    """PyTorch's antialiased bicubic filter on the square in the middle, away from the edges of the cut."""
    array = noise(*shape)
    top, left = (shape[0] - 32) // 2, (shape[1] - 32) // 2
    square = torch.from_numpy(array[top : top + 32, left : left + 32]).permute(2, 0, 1)[None].double()
    expected = interpolate(square, (8, 8), mode="bicubic", antialias=True).clamp(0, 255)[0].permute(1, 2, 0)
    found = np.asarray(Conversion(8)(Image.fromarray(array))).astype(float)
    inner = np.s_[2:-2, 2:-2]  # the filter reaches two pixels of the result over the edge of the cut
    np.testing.assert_allclose(found[inner], expected.numpy()[inner], atol=1.5)
    stripes = Image.fromarray(np.tile(np.array([0, 255], np.uint8), (64, 32)))
    assert np.abs(np.asarray(Conversion(8)(stripes)).astype(float) - 127.5).max() < 5  # aliases would be 0 or 255


def test_modes_without_a_rule_are_named() -> None:
    for mode in ("F", "I", "LAB"):
        with pytest.raises(NotConverted, match=f"has mode {mode}, which has no rule; save it with 8 or 16 bits"):
            Conversion(mode="RGB")(Image.new(mode, (3, 3)))


def test_changes_are_counted_once_each() -> None:
    changes, right = Changes(), Image.new("RGB", (4, 4))
    changes.add(False, (4, 4), "RGB", right)
    assert changes.notes == ()
    changes.add(True, (8, 6), "RGBA", right)
    changes.add(True, (2, 3), "I;16", right)
    assert changes.notes == (
        "converted 2 of 3 pictures: 2 turned upright, 1 made smaller to 4 x 4, 1 from RGBA on white to RGB, "
        "1 enlarged to 4 x 4, 1 from I;16 scaled to RGB",
    )


def test_images_in_memory_are_converted_like_pictures(tmp_path: Path) -> None:
    digits, plain = load_images("digits", Reading(resize=6, mode="RGB")), load_images("digits")
    assert digits.shape == (3, 6, 6)
    for image, converted in zip(plain.train_images[:20], digits.train_images[:20], strict=True):
        expected = Conversion(6, "RGB")(Image.fromarray(image[0].numpy()))
        np.testing.assert_array_equal(converted.permute(1, 2, 0), expected)
    assert digits.notes == ("converted 1,797 of 1,797 pictures: 1,797 made smaller to 6 x 6, 1,797 from L to RGB",)
    assert load_images("digits", Reading(resize=8, mode="L")).digest == plain.digest
    np.savez(tmp_path / "five.npz", train_images=noise(8, 4, 4, 5), train_labels=np.arange(8) % 2)
    with pytest.raises(DataError, match=r"images of 5 channels, which data.resize and data.mode cannot convert"):
        load_images(f"npz:{tmp_path / 'five.npz'}", Reading(mode="RGB"))
