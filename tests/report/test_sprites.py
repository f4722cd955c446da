"""The gallery of a report: its sheets hold the images' own pixels, within a budget of bytes."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from report_pages import images

from ddkit.report import Gallery, Moment, first_images, image_gallery, sprites
from ddkit.report.blocks import Frame


def sheet(frame: Frame) -> np.ndarray:
    head, _, body = frame.uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def made(count: int, ipc: int, size: int, channels: int, moments: int, budget: int) -> Gallery:
    labels = torch.arange(count).repeat_interleave(ipc)
    shown = first_images(labels)
    several = [Moment(f"m{i}", images(count * ipc, i, size, channels)[shown]) for i in range(moments)]
    return image_gallery("title", several, labels, [f"c{i}" for i in range(count)], budget=budget)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_has_a_row_for_each_class_and_every_pixel(channels: int) -> None:
    gallery = made(3, 2, 8, channels, 2, 10**6)
    assert (gallery.classes, gallery.note) == (("c0", "c1", "c2"), "")
    for seed, frame in enumerate(gallery.frames):
        pixels, own = sheet(frame), images(6, seed, 8, channels)
        assert pixels.shape == (27, 18, channels + 1)
        for number in range(6):
            row, column = divmod(number, 2)
            cell = pixels[9 * row : 9 * row + 9, 9 * column : 9 * column + 9]
            wanted = (own[number] * 255).round().permute(1, 2, 0).numpy()
            np.testing.assert_array_equal(cell[:8, :8, :channels], wanted)
            assert (cell[:8, :8, -1] == 255).all()
            assert (cell[8, :, -1] == 0).all() and (cell[:, 8, -1] == 0).all()  # the line between images


def test_classes_of_uneven_size_leave_places_empty() -> None:
    labels = torch.tensor([1, 0, 1])
    own = images(3, 0)[first_images(labels)]
    gallery = image_gallery("t", [Moment("m", own)], labels, ["a", "b"], budget=10**6)
    pixels = sheet(gallery.frames[0])
    assert (pixels[:9, 9:, -1] == 0).all() and (pixels[9:17, 9:17, -1] == 255).all()
    np.testing.assert_array_equal(pixels[9:17, :8, 0], (images(3, 0)[0, 0] * 255).round().numpy())


def test_many_images_and_classes_are_cut_and_the_note_says_so() -> None:
    gallery = made(110, 12, 4, 1, 1, 10**7)
    assert len(gallery.classes) == 100
    assert "the first 10 images of 12 a class, the first 100 of 110 classes" in gallery.note


@pytest.mark.parametrize("budget", [400_000, 60_000, 5_000])
def test_a_gallery_keeps_to_its_budget_with_the_first_and_the_last_moment(budget: int) -> None:
    gallery = made(10, 10, 16, 3, 12, budget)
    assert sum(len(frame.uri) for frame in gallery.frames) <= budget
    assert gallery.frames[-1].title == "m11" and gallery.note
    if budget > 5_000:
        assert gallery.frames[0].title == "m0"


def test_large_images_are_made_smaller_by_means_of_areas() -> None:
    gallery = made(1, 1, 128, 1, 1, 10**6)
    own = images(1, 0, 128)[0, 0].reshape(64, 2, 64, 2).mean((1, 3))
    assert np.abs(sheet(gallery.frames[0])[:64, :64, 0] - (own * 255).numpy()).max() <= 0.51
    assert "images of 128 x 128 pixels at 64 x 64" in gallery.note and not gallery.pixelated


def test_sheets_of_a_choice_that_is_too_large_are_not_all_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget holds one sheet of the first choice, which has 31 moments. Writing a sheet is slow."""
    one = sum(len(frame.uri) for frame in made(10, 10, 16, 3, 1, 10**9).frames)
    write, sheets = sprites._sheet, []
    monkeypatch.setattr(sprites, "_sheet", lambda *given: sheets.append(write(*given)) or sheets[-1])
    gallery = made(10, 10, 16, 3, 31, round(1.5 * one))
    assert len(gallery.frames) < 31 and len(sheets) < 31
