import gzip
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torchvision import datasets

from ddkit.data import Normalise, load_images
from ddkit.errors import DataError, UsageError

pytestmark = pytest.mark.usefixtures("isolated")


def arrays(side: int, channels: int, classes: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    shape = (side, side) if channels == 1 else (side, side, 3)
    return {
        "train_images": random.integers(256, size=(2 * classes, *shape), dtype=np.uint8),
        "train_labels": np.arange(2 * classes) % classes,
        "test_images": random.integers(256, size=(7, *shape), dtype=np.uint8),
        "test_labels": np.arange(7) % classes,
    }


def test_digits_are_scikit_learns() -> None:
    data, source = load_images("digits"), load_digits()
    assert (data.shape, data.class_count, data.flips_keep_label) == ((1, 8, 8), 10, False)
    assert len(data.train_labels) + len(data.test_labels) == 1797
    test = train_test_split(source.target, test_size=0.2, random_state=0, stratify=source.target)[1]
    assert np.bincount(data.test_labels).tolist() == np.bincount(test).tolist()
    expected = np.floor(source.images * 255 / 16 + 0.5).astype(int).reshape(1797, 64)
    rows = sorted(zip(expected.tolist(), source.target.tolist(), strict=True))
    images = torch.cat([data.train_images, data.test_images]).reshape(1797, 64).tolist()
    labels = torch.cat([data.train_labels, data.test_labels]).tolist()
    assert sorted(zip(images, labels, strict=True)) == rows
    torch.manual_seed(5)
    assert load_images("digits").digest == data.digest


def write_mnist(root: Path, parts: dict[str, np.ndarray]) -> None:
    """The idx files that torchvision unpacks: magic number, sizes, bytes."""
    raw = root / "raw"
    raw.mkdir(parents=True)
    for part, stem in (("train", "train"), ("test", "t10k")):
        images, labels = parts[f"{part}_images"], parts[f"{part}_labels"].astype(np.uint8)
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(struct.pack(">iiii", 2051, *images.shape) + images.tobytes())
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 2049, len(labels)) + labels.tobytes())


def write_cifar(root: Path, parts: dict[str, np.ndarray], kind: type[datasets.CIFAR10], label_key: str) -> None:
    folder = root / kind.base_folder
    folder.mkdir(parents=True)
    for part, files in (("train", kind.train_list), ("test", kind.test_list)):
        images = np.array_split(parts[f"{part}_images"].transpose(0, 3, 1, 2).reshape(-1, 3072), len(files))
        labels = np.array_split(parts[f"{part}_labels"], len(files))
        for (name, _), x, y in zip(files, images, labels, strict=True):
            (folder / name).write_bytes(pickle.dumps({"data": x, label_key: y.tolist()}))
    classes = [f"class {i}" for i in range(100)]
    (folder / kind.meta["filename"]).write_bytes(pickle.dumps({kind.meta["key"]: classes}))


def write_svhn(root: Path, parts: dict[str, np.ndarray]) -> None:
    root.mkdir(parents=True)
    for part in ("train", "test"):
        labels = parts[f"{part}_labels"].copy()
        labels[labels == 0] = 10  # SVHN's own way to write the digit 0
        matrices = {"X": parts[f"{part}_images"].transpose(1, 2, 3, 0), "y": labels[:, None]}
        scipy.io.savemat(root / f"{part}_32x32.mat", matrices)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10", "cifar100", "svhn"])
def test_torchvision_and_the_offline_door_give_the_same_data(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = name.endswith("mnist")
    parts = arrays(28 if grey else 32, 1 if grey else 3, 100 if name == "cifar100" else 10)
    for kind in (datasets.CIFAR10, datasets.CIFAR100, datasets.SVHN):  # toy files cannot carry the published hashes
        monkeypatch.setattr(kind, "_check_integrity", lambda self: True)
    monkeypatch.setattr(datasets.SVHN, "download", lambda self: None)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    {
        "mnist": lambda: write_mnist(home / "data" / "MNIST", parts),
        "fashion-mnist": lambda: write_mnist(home / "data" / "FashionMNIST", parts),
        "cifar10": lambda: write_cifar(home / "data", parts, datasets.CIFAR10, "labels"),
        "cifar100": lambda: write_cifar(home / "data", parts, datasets.CIFAR100, "fine_labels"),
        "svhn": lambda: write_svhn(home / "data", parts),
    }[name]()
    downloaded = load_images(name)
    np.testing.assert_array_equal(downloaded.train_images.permute(0, 2, 3, 1).squeeze(), parts["train_images"])
    np.testing.assert_array_equal(downloaded.test_labels, parts["test_labels"])

    shutil.rmtree(home / "data")
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path / "offline"))
    (tmp_path / "offline").mkdir()
    np.savez(tmp_path / "offline" / f"{name.replace('-', '_')}.npz", **parts)
    offline = load_images(name)
    assert offline.digest == downloaded.digest
    assert (offline.name, offline.licence) == (name, downloaded.licence) and offline.licence


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn"])
def test_without_network_one_line_says_what_to_do(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        DataError, match=rf"'{name}': could not be downloaded .*place {name}.npz .* DDKIT_DATA"
    ) as error:
        load_images(name)
    assert "\n" not in str(error.value)
    monkeypatch.setenv("DDKIT_HOME", str(home / "elsewhere"))
    with pytest.raises(DataError, match="elsewhere"):
        load_images(name)


def test_a_half_written_download_is_one_line(home: Path) -> None:
    write_mnist(home / "data" / "MNIST", arrays(28, 1, 10))
    file = home / "data" / "MNIST" / "raw" / "train-images-idx3-ubyte"
    whole = file.read_bytes()
    for length in (0, 3, 10, 100, 2000, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(DataError, match="'mnist': could not be downloaded to, or read from"):
            load_images("mnist")


def test_the_offline_door_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"DDKIT_DATA names .* which is not a folder"):
        load_images("cifar10")
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    parts = arrays(32, 3, 10)
    del parts["test_labels"]
    np.savez(tmp_path / "cifar10.npz", **parts)
    with pytest.raises(DataError, match=r"'cifar10', file .*cifar10.npz': has no array 'test_labels'"):
        load_images("cifar10")
    (tmp_path / "cifar10.npz").write_bytes(gzip.compress(b"x"))
    with pytest.raises(DataError, match=r"is not a readable \.npz"):
        load_images("cifar10")


def test_what_an_archive_of_a_named_set_holds_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    parts, file = arrays(32, 3, 10), tmp_path / "cifar10.npz"
    np.savez(file, **parts)
    plain = load_images("cifar10")
    assert plain.notes == () and plain.origins == {}
    names = np.array(plain.classes)
    np.savez(file, **parts, classes=names, flips_keep_label=True, train_index=np.arange(20), test_image=np.zeros(3))
    more = load_images("cifar10")
    assert more.digest == plain.digest and more.notes == (f"not read in '{file}': train_index, test_image",)
    np.savez(file, **parts, val_images=parts["test_images"], val_labels=parts["test_labels"])
    held_out = load_images("cifar10")
    assert held_out.origins == {"validation": "the archive's"} and held_out.digest != plain.digest
    assert held_out.validation_images is not None and torch.equal(held_out.validation_images, plain.test_images)
    for wrong, line in (
        (
            {"classes": names[::-1]},
            r"its 'classes' are not this set's, airplane, automobile, bird, ...; leave them out",
        ),
        ({"flips_keep_label": False}, r"'flips_keep_label' is True for this set; leave it out"),
    ):
        np.savez(file, **parts, **wrong)
        with pytest.raises(DataError, match=line):
            load_images("cifar10")


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("cifer10", "'cifer10': is unknown; did you mean cifar10"),
        ("Fashion_MNIST", "did you mean fashion-mnist"),
        ("omniglot_28x28", r"there are: cifar10.*imagenette.*tiny-imagenet; .*npz:FILE, folder:DIR or hf:DIR_OR_NAME"),
        ("npz:", "npz:FILE"),
        ("zip:data.zip", "npz:FILE"),
    ],
)
def test_unknown_names(spec: str, line: str) -> None:
    with pytest.raises(UsageError, match=line):
        load_images(spec)


# per-channel means of the training images, as the field prints them
PUBLISHED_MEANS = {
    "cifar10": (0.4914, 0.4822, 0.4465),
    "cifar100": (0.5071, 0.4865, 0.4409),
    "fashion-mnist": (0.2860,),
}
PUBLISHED_STDS = {"cifar10": (0.2470, 0.2435, 0.2616), "cifar100": (0.2673, 0.2564, 0.2762), "fashion-mnist": (0.3530,)}


@pytest.mark.parametrize("name", ["cifar10", "fashion-mnist", pytest.param("cifar100", marks=pytest.mark.slow)])
def test_real_data_has_the_published_moments(
    name: str, real_images: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DDKIT_DATA", str(real_images(name.replace("-", "_")).parent))
    data = load_images(name)
    count = data.class_count
    assert torch.bincount(data.train_labels).tolist() == [len(data.train_labels) // count] * count
    assert torch.bincount(data.test_labels).tolist() == [len(data.test_labels) // count] * count
    fitted = Normalise.fit(data.train_images)
    np.testing.assert_allclose(fitted.mean, PUBLISHED_MEANS[name], atol=6e-5)
    np.testing.assert_allclose(fitted.std, PUBLISHED_STDS[name], atol=6e-5)
