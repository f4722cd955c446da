"""The real images for methods and evaluation: split and preprocessed, with the record of both."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from ddkit.data.image_data import ImageData
from ddkit.data.preprocess import ZCA, Normalise, blocks_of, fit_preprocess
from ddkit.data.settings import DataSettings
from ddkit.data.split import split_validation
from ddkit.errors import UsageError, counted


@dataclass(frozen=True, eq=False)
class Part:
    """Images in the space of the networks' inputs, and their labels. Images are usually float32."""

    images: Float[Tensor, "n c h w"]
    labels: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Part":
        return Part(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, kw_only=True, eq=False)
class RealData:
    """One dataset, split and preprocessed by `prepare`.

    `train_index` and `validation_index` are the rows of `data.train_images` in `train` and `validation`. If the data
    has its own validation part, they are all rows and no rows. `data` and the indices stay on the CPU; `to` moves the
    parts and `preprocess` to a device.
    """

    data: ImageData
    preprocess: Normalise | ZCA
    train_index: Int64[Tensor, " t"]
    validation_index: Int64[Tensor, " v"]
    train: Part
    validation: Part

    @cached_property
    def test(self) -> Part:
        """The test part, preprocessed on first use."""
        device = self.train.images.device
        return _part(self.preprocess, self.data.test_images, self.data.test_labels, None, device)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of data, split and preprocessing: everything about the data that affects an expert."""
        sha = hashlib.sha256(f"{self.data.digest} {self.preprocess.digest}".encode())
        for index in (self.train_index, self.validation_index):
            sha.update(repr(index.tolist()).encode())
        return sha.hexdigest()

    def to(self, device: torch.device | str) -> "RealData":
        """Return the same data with parts and preprocessing on the device."""
        return replace(
            self,
            preprocess=self.preprocess.to(device),
            train=self.train.to(device),
            validation=self.validation.to(device),
        )


def prepare(data: ImageData, settings: DataSettings) -> RealData:
    """Split off the validation part, fit the preprocessing on the rest of the training part, and apply it.

    If the data has its own validation part, nothing is split off, and `settings.validation` has no effect. Memory holds
    the uint8 images, each part once as float32, and what the fit needs.

    Raises:
        DataError: a class has too few images to be split.
        UsageError: `settings.mean` has not one number for each channel.
    """
    where = f"dataset '{data.name}'"
    images, labels, cpu = data.train_images, data.train_labels, torch.device("cpu")
    if data.validation_images is None or data.validation_labels is None:
        train, validation = split_validation(labels, settings.validation, settings.split_seed, where)
        held_out, held_out_labels, rows = images, labels, validation
    else:
        train, validation = torch.arange(len(labels)), torch.arange(0)
        held_out, held_out_labels, rows = data.validation_images, data.validation_labels, None
    preprocess = _preprocess(settings, images, train if settings.fit == "train" else None)
    return RealData(
        data=data,
        preprocess=preprocess,
        train_index=train,
        validation_index=validation,
        train=_part(preprocess, images, labels, train, cpu),
        validation=_part(preprocess, held_out, held_out_labels, rows, cpu),
    )


def _preprocess(
    settings: DataSettings, images: UInt8[Tensor, "n c h w"], rows: Int64[Tensor, " m"] | None
) -> Normalise | ZCA:
    """The preprocessing with the settings' own constants, or fitted on these rows (None: on all images)."""
    if settings.constants is None:
        return fit_preprocess(settings.preprocess, images, rows)
    mean, std = settings.constants
    if len(mean) != images.shape[1]:
        raise UsageError(
            f"key 'data.mean': has {counted(len(mean), 'number')}, but the images have "
            f"{counted(images.shape[1], 'channel')}; give one number a channel"
        )
    return Normalise(mean, std)


def _part(
    preprocess: Normalise | ZCA,
    images: UInt8[Tensor, "n c h w"],
    labels: Int64[Tensor, " n"],
    rows: Int64[Tensor, " m"] | None,
    device: torch.device,
) -> Part:
    """Preprocess these rows of images and labels (None: all) block by block."""
    labels = labels if rows is None else labels[rows]
    out, at = torch.empty(len(labels), *images.shape[1:], device=device), 0
    for block in blocks_of(images, rows):
        out[at : at + len(block)] = preprocess.forward(block.to(device))
        at += len(block)
    return Part(out, labels.to(device))
