"""Train a logistic regression on a ddkit set of digits with packed images, without ddkit, and print its accuracy:
python examples/train_on_a_packed_set.py SET.h5
"""

import sys

import h5py
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


def taller(images: np.ndarray, k: int) -> np.ndarray:
    """[..., H, W] -> [..., k, H, W]: each of the k parts of the rows is enlarged to all of them (bilinear)."""
    side = images.shape[-2]
    begin, end = np.arange(k)[:, None] * side // k, np.arange(1, k + 1)[:, None] * side // k
    place = np.maximum((2 * np.arange(side) + 1) * (end - begin) - side, 0)  # in units of 1 / (2 side)
    low = begin + place // (2 * side)
    weight = (place % (2 * side) / (2 * side)).astype(np.float32)[..., None]
    return images[..., low, :] * (1 - weight) + images[..., np.minimum(low + 1, end - 1), :] * weight


def expand(file: h5py.File) -> np.ndarray:
    packed, k = file["compact/image"][:], int(file.attrs["formation"])  # [N, C, H, W]
    parts = taller(taller(packed, k).swapaxes(-2, -1), k).swapaxes(-2, -1)  # [N, C, row, column, H, W]
    return np.moveaxis(parts, (2, 3), (1, 2)).reshape(-1, *packed.shape[1:])  # the small images of the first one first


if __name__ == "__main__":
    with h5py.File(sys.argv[1]) as file:
        x, facts = expand(file), dict(file.attrs)
        classes = np.arange(10).repeat(facts.get("counts", facts.get("ipc")) * int(facts["formation"]) ** 2)
        y = file["soft_label"][:] if "soft_label" in file else np.eye(10)[classes]  # shares of the classes [N, 10]
    v, t = load_digits(return_X_y=True)
    _, v, _, t = train_test_split((v * 255 / 16).round() / 255, t, test_size=0.2, random_state=0, stratify=t)
    each = x.reshape(len(x), -1).repeat(10, 0)  # each image once for each class, weighted with the class's share
    machine = LogisticRegression(max_iter=2000).fit(each, np.tile(np.arange(10), len(x)), sample_weight=y.ravel())
    print(f"{machine.score((v - facts['mean'][0]) / facts['std'][0], t):.4f}")
