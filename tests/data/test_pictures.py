import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from ddkit.data.conversion import Conversion
from ddkit.data.pictures import files_by_class, read_pictures, visible
from ddkit.errors import DataError


def save(folder: Path, name: str, picture: Image.Image) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    picture.save(folder / name)
    return folder / name


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 4)])
def test_pictures_come_out_as_they_went_in(tmp_path: Path, shape: tuple[int, ...]) -> None:
    arrays = [noise(seed, *shape) for seed in range(3)]
    files = [save(tmp_path, f"{i}.png", Image.fromarray(array)) for i, array in enumerate(arrays)]
    images = read_pictures(files[::-1], "toy")
    assert images.is_contiguous() and images.shape == (3, 3 if len(shape) == 3 else 1, 5, 4)
    np.testing.assert_array_equal(images.permute(0, 2, 3, 1).numpy().reshape(3, *shape), arrays[::-1])


def test_a_conversion_makes_them_alike(tmp_path: Path) -> None:
    grey = noise(0, 5, 4)
    files = [
        save(tmp_path, "grey.png", Image.fromarray(grey)),
        save(tmp_path, "rgb.png", Image.fromarray(noise(1, 5, 4, 3))),
    ]
    with pytest.raises(DataError, match=r"rgb.png' is 4 x 5 RGB; no two are alike; convert them to one size and"):
        read_pictures(files, "toy")
    images = read_pictures(files, "toy", Conversion(mode="RGB"))
    np.testing.assert_array_equal(images[0], [grey] * 3)
    np.testing.assert_array_equal(images[1].permute(1, 2, 0), noise(1, 5, 4, 3))


def test_a_picture_that_is_damaged_or_gone_is_named(tmp_path: Path) -> None:
    file = save(tmp_path, "a.jpg", Image.fromarray(noise(0, 30, 40, 3)))
    whole = file.read_bytes()
    for length in (0, 1, 20, len(whole) // 2):
        file.write_bytes(whole[:length])
        for conversion in (Conversion(), Conversion(mode="RGB"), Conversion(5, "L")):
            with pytest.raises(DataError, match=r"toy: .*a.jpg' is not a readable picture .*; repair") as error:
                read_pictures([file], "toy", conversion)
            assert "\n" not in str(error.value)
    with pytest.raises(DataError, match=r"none.jpg' is not a readable picture"):
        read_pictures([tmp_path / "none.jpg"], "toy")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_pictures_stand_as_their_exif_orientation_says(tmp_path: Path, orientation: int, suffix: str) -> None:
    """The table of the EXIF standard: where the first row and the first column of the stored picture belong."""
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8], upright[8:, 16:] = (250, 0, 0), (0, 0, 250)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored))
    picture.save(tmp_path / f"a.{suffix}", exif=exif, **({"quality": 100, "subsampling": 0} if suffix == "jpg" else {}))
    found = read_pictures([tmp_path / f"a.{suffix}"], "toy")[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found.astype(int), upright.astype(int), atol=6 if suffix == "jpg" else 0)
    small = read_pictures([tmp_path / f"a.{suffix}"], "toy", Conversion(8))[0].permute(1, 2, 0)
    expected = ImageOps.fit(Image.fromarray(upright), (8, 8), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(small.int(), np.asarray(expected).astype(int), atol=6 if suffix == "jpg" else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_a_turned_tiff_is_read_rightly(tmp_path: Path, orientation: int, mode: str, compression: str) -> None:
    """The same pixels and orientation in a PNG. Pillow maps TIFF that is not compressed with its sides exchanged."""
    picture = Image.fromarray(noise(orientation, 5, 9, 3)).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    picture.save(tmp_path / "a.tif", exif=exif, compression=compression)
    png, tif = (read_pictures([tmp_path / f"a.{suffix}"], "toy") for suffix in ("png", "tif"))
    np.testing.assert_array_equal(tif, png)


def test_several_pictures_in_one_file_and_pipes_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(seed, 5, 4, 3)) for seed in range(3)]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"moving.png' has 3 pictures; save one of them as a file"):
        read_pictures([tmp_path / "moving.png"], "toy")
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / "pipe.png")
    with pytest.raises(DataError, match=r"pipe.png' is a named pipe, where a picture of class 'a' should"):
        files_by_class({0: tmp_path / "a"}, "toy")


def test_files_stand_label_by_label(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/10.png", "a/1.png"):
        save((tmp_path / name).parent, Path(name).name, Image.new("L", (2, 2)))
    (tmp_path / "b" / ".DS_Store").write_text("passed over")
    assert [entry.name for entry in visible(tmp_path)] == ["a", "b"]
    files, labels = files_by_class({3: tmp_path / "b", 0: tmp_path / "a"}, "toy")
    assert [file.name for file in files] == ["10.png", "2.png", "1.png"] and labels.tolist() == [3, 3, 0]
    with pytest.raises(DataError, match=r"toy: there is no class folder '.*c'"):
        files_by_class({0: tmp_path / "c"}, "toy")
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match=r"toy: class folder '.*c' is empty"):
        files_by_class({0: tmp_path / "c"}, "toy")
