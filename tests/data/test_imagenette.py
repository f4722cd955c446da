import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import Imagenette
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from ddkit.data import load_images
from ddkit.data.imagenette import WNIDS
from ddkit.errors import DataError

pytestmark = pytest.mark.usefixtures("isolated")


def noise(width: int, height: int, seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(80, 176, size=(height, width, 3), dtype=np.uint8))


def write(root: Path, picture: Callable[[str, int], Image.Image]) -> Path:
    """fastai's layout with one picture a class and part, kept without loss (a PNG in all but its name)."""
    for k, part in enumerate(("train", "val")):
        for label, wnid in enumerate(WNIDS):
            (root / part / wnid).mkdir(parents=True)
            name = f"{'ILSVRC2012_val' if part == 'val' else wnid}_{label:08d}.JPEG"
            picture(part, 10 * k + label).save(root / part / wnid / name, format="PNG")
    return root


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "offline"
    folder.mkdir()
    monkeypatch.setenv("DDKIT_DATA", str(folder))
    return folder


def test_facts_are_torchvisions(offline: Path) -> None:
    write(offline / "imagenette2-160", lambda part, seed: Image.new("L", (160, 160), seed))
    data = load_images("imagenette")
    assert data.classes == tuple(names[0] for names in Imagenette._WNID_TO_CLASS.values())
    assert tuple(Imagenette._WNID_TO_CLASS) == WNIDS == tuple(sorted(WNIDS))
    assert (data.name, data.shape, data.flips_keep_label) == ("imagenette", (3, 128, 128), True)
    assert data.licence == "ImageNet's terms: non-commercial research"
    assert data.train_labels.tolist() == data.test_labels.tolist() == list(range(10))
    assert data.train_images.amax((1, 2, 3)).tolist() == data.train_images.amin((1, 2, 3)).tolist() == list(range(10))
    assert data.test_images.amin((1, 2, 3)).tolist() == list(range(10, 20))  # grey became RGB, and val the test part


@pytest.mark.parametrize("size", [(320, 256), (384, 192), (192, 384), (128, 128)])
def test_resized_and_cut_as_by_torchvision(offline: Path, size: tuple[int, int]) -> None:
    """At sizes where torchvision need not round the longer side or the crop's corner.

    To two grey levels: Pillow resizes rows and columns one after the other, in an order of its own choice, and rounds
    in between. It clips there too, hence no pixels near black and white.
    """
    write(offline / "imagenette2", lambda part, seed: noise(*size, seed))
    images = load_images("imagenette").train_images
    for seed in range(10):
        resized = transforms.resize(noise(*size, seed), 128, InterpolationMode.BICUBIC)
        expected = np.asarray(transforms.center_crop(resized, 128)).astype(int)
        np.testing.assert_allclose(images[seed].permute(1, 2, 0).int(), expected, rtol=0, atol=2)


@pytest.mark.parametrize("size", [(213, 160), (160, 237), (500, 333), (60, 100)])
def test_the_centre_square_is_what_remains(offline: Path, size: tuple[int, int]) -> None:
    """Four quadrants of the centre square, each of its colour, inside a picture that is magenta elsewhere."""
    colours = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 0]]], np.uint8)
    side = min(size)
    square = Image.fromarray(colours).resize((side, side), Image.Resampling.NEAREST)

    def picture(part: str, seed: int) -> Image.Image:
        whole = Image.new("RGB", size, (250, 0, 250))
        whole.paste(square, ((size[0] - side) // 2, (size[1] - side) // 2))
        return whole

    write(offline / "imagenette2-320", picture)
    image = load_images("imagenette").test_images[3].permute(1, 2, 0).numpy()
    for row in range(2):
        for column in range(2):
            inner = image[64 * row + 6 : 64 * row + 58, 64 * column + 6 : 64 * column + 58]
            assert (inner == colours[row, column]).all()


def test_where_it_is_looked_for(offline: Path, home: Path) -> None:
    def flat(value: int) -> Callable[[str, int], Image.Image]:
        return lambda part, seed: Image.new("RGB", (150, 200), (value, 0, 0))

    def value() -> int:
        return int(load_images("imagenette").train_images.max())

    places = [
        *(offline / name for name in ("imagenette2-160", "imagenette2-320", "imagenette2")),
        *(home / "data" / name for name in ("imagenette2-160", "imagenette2-320", "imagenette2")),
    ]
    for i in reversed(range(len(places))):
        write(places[i], flat(i + 1))
        assert value() == i + 1
    pictures = np.zeros((10, 128, 128, 3), np.uint8)
    labels = np.arange(10)
    np.savez(
        offline / "imagenette.npz",
        train_images=pictures,
        train_labels=labels,
        test_images=pictures,
        test_labels=labels,
    )
    assert value() == 0


def test_the_download_is_whole_or_not_there(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write(tmp_path / "imagenette2-160", lambda part, seed: noise(170, 160, seed))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        tar.add(whole, arcname=whole.name)

    def download(url: str, root: Path, md5: str, cut: int) -> None:
        assert url.endswith("imagenette2-160.tgz") and md5
        with tarfile.open(fileobj=io.BytesIO(archive.getvalue()[: cut or None]), mode="r:gz") as tar:
            tar.extractall(root)

    target = "torchvision.datasets.imagenette.download_and_extract_archive"
    monkeypatch.setattr(target, lambda url, root, md5: download(url, root, md5, len(archive.getvalue()) // 2))
    with pytest.raises(DataError, match="'imagenette': could not be downloaded to"):
        load_images("imagenette")
    assert list((home / "data").iterdir()) == []
    monkeypatch.setattr(target, lambda url, root, md5: download(url, root, md5, 0))
    downloaded = load_images("imagenette")
    assert [folder.name for folder in (home / "data").iterdir()] == ["imagenette2-160"]
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    shutil.rmtree(home / "data")
    assert load_images("imagenette").digest == downloaded.digest


def test_without_network_one_line_says_what_to_do(home: Path) -> None:
    with pytest.raises(DataError, match=r"no route.*connect .* imagenette2-160 or imagenette.npz .* DDKIT_DATA") as e:
        load_images("imagenette")
    assert "\n" not in str(e.value) and list((home / "data").iterdir()) == []


def test_what_is_damaged_or_missing_is_named(offline: Path) -> None:
    root = write(offline / "imagenette2-160", lambda part, seed: noise(160, 160, seed))
    (picture,) = (root / "val" / WNIDS[4]).iterdir()
    picture.write_bytes(picture.read_bytes()[:1000])
    with pytest.raises(DataError, match=f"dataset 'imagenette': .*'{picture}' is not a readable picture") as error:
        load_images("imagenette")
    assert "\n" not in str(error.value)
    picture.unlink()
    with pytest.raises(DataError, match=f"class folder '{picture.parent}' is empty"):
        load_images("imagenette")
    picture.parent.rmdir()
    with pytest.raises(DataError, match=f"there is no class folder '{picture.parent}'"):
        load_images("imagenette")
