"""Imagenette (fastai): ten easy classes of ImageNet, cut to 128 x 128."""

import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ddkit.data.conversion import Conversion
from ddkit.data.pictures import files_by_class, read_pictures
from ddkit.errors import DataError, reason

FOLDERS = ("imagenette2-160", "imagenette2-320", "imagenette2")  # fastai's archives: shorter side 160, 320, original
SIDE = 128
WNIDS = (
    *("n01440764", "n02102040", "n02979186", "n03000684", "n03028079"),
    *("n03394916", "n03417042", "n03425413", "n03445777", "n03888257"),
)


def load_imagenette(roots: Sequence[Path], where: str) -> tuple[Tensor, ...]:
    """Load training images and labels, test images and labels, from the first root that contains one of FOLDERS.

    If no root does, torchvision downloads the smallest archive into the last root. Classes are in the order of WNIDS.
    Each picture is converted to RGB. Its shorter side is resized to 128 pixels (bicubic, antialiased, same aspect
    ratio), and its centre is cropped to 128 x 128. The three folders have the same photographs, but some were already
    resized, so that pixels and digests differ slightly.

    The parts are fastai's: 9,469 training and 3,925 test pictures (its `val`). MTT's "ImageNette" has the same ten
    classes at 128 pixels from ImageNet's own train and val (about 13,000 and 500), so its scores are not comparable.

    Args:
        roots: the folders to search, in this order.
        where: name of the data in error lines.

    Raises:
        DataError: the download failed; a class folder is missing or empty; a picture is damaged.
    """
    found = (root / name for root in roots for name in FOLDERS if (root / name).is_dir())
    folder = next(found, None) or _download(roots[-1], where)
    files, labels = _files(folder / "train", where)
    test_files, test_labels = _files(folder / "val", where)
    images = read_pictures(files + test_files, where, Conversion(SIDE, "RGB"))
    return images[: len(files)], labels, images[len(files) :], test_labels


def _files(part: Path, where: str) -> tuple[list[Path], Tensor]:
    return files_by_class({label: part / wnid for label, wnid in enumerate(WNIDS)}, where)


def _download(root: Path, where: str) -> Path:
    from torchvision.datasets import Imagenette  # slow to import

    folder = root / FOLDERS[0]
    try:
        root.mkdir(parents=True, exist_ok=True)
        # torchvision treats any folder of that name as complete, even one whose unpacking was killed
        with tempfile.TemporaryDirectory(dir=root, prefix=".imagenette-") as unpacked:
            Imagenette(unpacked, size="160px", download=True)
            (Path(unpacked) / FOLDERS[0]).rename(folder)
    except (OSError, RuntimeError, ValueError, EOFError, tarfile.TarError) as error:
        raise DataError(
            f"{where}: could not be downloaded to '{root}' ({reason(error)}); connect to the network, or place the "
            f"folder {FOLDERS[0]} or imagenette.npz in the folder that the environment variable DDKIT_DATA names"
        ) from None
    return folder
