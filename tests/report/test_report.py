"""Pictures read back: where each image lies in the gallery, and that both leave pyplot alone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from scipy import ndimage
from torch import Tensor

from ddkit.report import curve, gallery

COLOURS = [(r, g, b) for r in (0.1, 0.4, 0.7) for g in (0.1, 0.4, 0.7) for b in (0.1, 0.4, 0.7) if not r == g == b]
SIDE = 7


def constant(colours: list[tuple[float, ...]]) -> Tensor:
    """One image of each colour."""
    return torch.tensor(colours)[:, :, None, None].expand(-1, -1, SIDE, SIDE).contiguous()


def box(path: Path, colour: tuple[float, ...]) -> tuple[float, float, int, int] | None:
    """Centre (x, y), width and height of what has this colour in the picture; None if nothing has."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(float)
    wanted = 255 * np.array(colour if len(colour) == 3 else colour * 3)
    patches, count = ndimage.label(np.abs(pixels - wanted).max(2) < 3)
    sizes = ndimage.sum_labels(patches > 0, patches, range(1, count + 1))
    large = np.flatnonzero(sizes > 100) + 1  # the rims of grey letters are smaller
    if not len(large):
        return None
    assert len(large) == 1, f"{len(large)} images of colour {colour}"
    y, x = np.nonzero(patches == large[0])
    width, height = x.max() - x.min() + 1, y.max() - y.min() + 1
    assert len(x) == width * height  # a filled box
    return (x.max() + x.min()) / 2, (y.max() + y.min()) / 2, int(width), int(height)


def place(path: Path, colour: tuple[float, ...]) -> tuple[float, float, int, int]:
    found = box(path, colour)
    assert found is not None, f"no image of colour {colour}"
    return found


def test_each_image_is_at_its_place(tmp_path: Path) -> None:
    """A row a class, columns in the order of the set, initial images left and final ones right."""
    path, labels = tmp_path / "deep" / "gallery.png", torch.tensor([1, 0, 2, 0, 1, 2])  # classes in no order
    first, last = COLOURS[:6], COLOURS[6:12]
    gallery(constant(first), constant(last), labels, ("a", "b", "c"), "a title", path)
    expected = [((int(label)), int((labels[:i] == label).sum())) for i, label in enumerate(labels)]
    sides = [dict(zip(expected, (place(path, colour) for colour in side), strict=True)) for side in (first, last)]
    for side in sides:
        pitch = side[0, 1][0] - side[0, 0][0]
        for (row, column), (x, y, width, height) in side.items():
            # versions of matplotlib round edges to whole pixels in their own ways
            assert abs(x - side[0, 0][0] - column * pitch) <= 2 and abs(y - side[0, 0][1] - row * pitch) <= 2
            assert 0.7 * pitch < width < pitch and 0.7 * pitch < height < pitch  # a gap between, and square pixels
    left, right = sides
    assert max(x for x, *_ in left.values()) < min(x for x, *_ in right.values())
    for at, (_, y, *_) in left.items():
        assert abs(y - right[at][1]) <= 1
    assert [file.name for file in path.parent.iterdir()] == ["gallery.png"]


def test_images_are_neither_turned_nor_mirrored(tmp_path: Path) -> None:
    """The four quarters of an image that is wider than high."""
    path, image = tmp_path / "gallery.png", torch.empty(1, 3, 6, 10)
    quarters = [(rows, columns) for rows in (slice(3), slice(3, 6)) for columns in (slice(5), slice(5, 10))]
    for (rows, columns), colour in zip(quarters, COLOURS, strict=False):
        image[0, :, rows, columns] = torch.tensor(colour)[:, None, None]
    gallery(image, torch.ones_like(image), torch.tensor([0]), ("a",), "", path)
    (x, y, wide, high), above_right, below_left, below_right = (place(path, colour) for colour in COLOURS[:4])
    assert wide / high == pytest.approx(5 / 3, rel=0.1)
    for found, (across, down) in ((above_right, (1, 0)), (below_left, (0, 1)), (below_right, (1, 1))):
        assert found[:2] == pytest.approx((x + across * wide, y + down * high), abs=2)


@pytest.mark.parametrize("channels", [1, 3])
def test_uneven_classes_leave_white_and_values_are_clipped(
    tmp_path: Path, channels: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "gallery.png"
    colours = [(c,) * channels for c in (0.2, 0.5, 0.35)]
    beyond = [(-4.0,) * channels, (0.65,) * channels, (0.8,) * channels]
    gallery(constant(colours), constant(beyond), torch.tensor([0, 0, 1]), ("a", "b"), "", path)
    (x0, y0, *_), (x1, *_), (x, y, *_) = (place(path, colour) for colour in colours)
    assert abs(x - x0) <= 1 and y > y0 and x1 > x0
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[int(y), int(x1)] == 255).all()  # where a second image of class b would be
    final = place(path, (0.8,) * channels)
    assert (pixels[int(y0), int(final[0])] == 0).all()  # far below 0 is black
    assert not caplog.records  # matplotlib complains of values it has to clip itself


def test_bright_values_are_clipped_to_white(tmp_path: Path) -> None:
    path, other = tmp_path / "one.png", tmp_path / "two.png"
    labels = torch.tensor([0])
    gallery(constant([(1.0, 0.5, 0.0)]), constant([(0.2, 0.2, 0.2)]), labels, ("a",), "", path)
    gallery(constant([(7.0, 0.5, -3.0)]), constant([(0.2, 0.2, 0.2)]), labels, ("a",), "", other)
    assert path.read_bytes() == other.read_bytes()


def test_large_sets_are_cut_and_the_title_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    monkeypatch.setattr(Figure, "suptitle", lambda self, text, **more: titles.append(text))
    images = constant([(0.4, 0.1, 0.7)] * 11)
    path = tmp_path / "gallery.png"
    gallery(images, images, torch.zeros(11, dtype=torch.long), ("a",), "many", path)
    gallery(images[:10], images[:10], torch.zeros(10, dtype=torch.long), ("a",), "ten", path)
    sixty = constant([(0.4, 0.1, 0.7)] * 60)
    gallery(sixty, sixty, torch.arange(60), tuple(map(str, range(60))), "wide", path)
    assert titles == ["many (first 10 images of 1 class)", "ten", "wide (first 1 image of 50 classes)"]


def test_curves_are_a_picture_with_a_panel_for_each_metric(tmp_path: Path) -> None:
    rows = [{"iteration": i, "loss": 1.0 / (i + 1), "lr": 0.01} for i in range(60)]
    widths = []
    for name, kept in (("two", rows), ("one", [{"iteration": r["iteration"], "loss": r["loss"]} for r in rows])):
        path = tmp_path / "deep" / f"{name}.png"
        curve(kept, "a title", path)
        with Image.open(path) as picture:
            picture.verify()
            widths.append(picture.width)
    assert widths[0] == 2 * widths[1]
    assert sorted(file.name for file in (tmp_path / "deep").iterdir()) == ["one.png", "two.png"]


def test_curves_show_the_values_and_their_running_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    save = Figure.savefig

    def spy(self: Figure, *args: object, **more: object) -> None:
        figures.append(self)
        save(self, *args, **more)

    monkeypatch.setattr(Figure, "savefig", spy)
    loss = np.random.default_rng(0).uniform(0.5, 1.5, 100)
    curve([{"iteration": 5 + i, "loss": value} for i, value in enumerate(loss)], "", tmp_path / "curve.png")
    thin, thick = figures[0].axes[0].lines
    np.testing.assert_array_equal(thin.get_xdata(), np.arange(5, 105))
    np.testing.assert_array_equal(thin.get_ydata(), loss)
    means = [loss[i - 3 : i + 1].mean() for i in range(3, 100)]  # over the last hundred / 25 values
    np.testing.assert_array_equal(thick.get_xdata(), np.arange(8, 105))
    np.testing.assert_allclose(thick.get_ydata(), means)
    assert figures[0].axes[0].get_yscale() == "log"


def test_equal_pictures_have_equal_bytes(tmp_path: Path) -> None:
    rows = [{"iteration": i, "loss": 1.0 + i} for i in range(3)]
    for name in ("one", "two"):
        gallery(constant(COLOURS[:2]), constant(COLOURS[2:4]), torch.tensor([0, 1]), ("a", "b"), "", tmp_path / name)
        curve(rows, "", tmp_path / f"{name}-curve")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one-curve").read_bytes() == (tmp_path / "two-curve").read_bytes()


def test_pyplot_is_never_imported(tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
import torch
from ddkit.report import curve, gallery
image = torch.rand(2, 3, 5, 5)
gallery(image, image, torch.tensor([0, 1]), ("a", "b"), "t", Path({str(tmp_path)!r}) / "gallery.png")
curve([{{"iteration": i, "loss": 1.0}} for i in range(3)], "t", Path({str(tmp_path)!r}) / "curve.png")
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("channels", [2, 5])
def test_images_that_are_no_colours_are_shown_as_their_mean(tmp_path: Path, channels: int) -> None:
    images = torch.rand(4, channels, 6, 6, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0, 1, 1])
    for name, shown in (("many", images), ("mean", images.mean(1, keepdim=True))):
        gallery(shown, shown, labels, ("a", "b"), "title", tmp_path / f"{name}.png")
    assert (tmp_path / "many.png").read_bytes() == (tmp_path / "mean.png").read_bytes()
