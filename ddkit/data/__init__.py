"""Real images: loading by name, archive or folder; splits, preprocessing and differentiable augmentation.

`load_images` turns a dataset's name or path into `ImageData` (uint8 tensors and facts). `prepare` turns it and the
recipe's data settings into `RealData`: the train, validation and test parts in the space of the networks' inputs, with
a digest.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.data.augment import DSA, DSAParams
    from ddkit.data.augmentation import Augmentation
    from ddkit.data.counts import Counts
    from ddkit.data.crops import Box, crop_to_side, random_box
    from ddkit.data.dc_augment import DCAugment
    from ddkit.data.image_data import ImageData
    from ddkit.data.mirror import mirrored
    from ddkit.data.names import is_images
    from ddkit.data.preprocess import ZCA, Normalise, fit_preprocess, zca_memory, zca_seconds
    from ddkit.data.real import Part, RealData, prepare
    from ddkit.data.select import KMEANS_BYTES, refuse_small_classes, select
    from ddkit.data.settings import DataSettings
    from ddkit.data.sources import load_images, refuse_unknown
    from ddkit.data.split import split_validation

__all__ = [
    "Augmentation",
    "DataSettings",
    "DCAugment",
    "DSA",
    "DSAParams",
    "Counts",
    "Box",
    "crop_to_side",
    "random_box",
    "ImageData",
    "is_images",
    "load_images",
    "refuse_unknown",
    "mirrored",
    "split_validation",
    "Normalise",
    "ZCA",
    "fit_preprocess",
    "zca_memory",
    "zca_seconds",
    "Part",
    "RealData",
    "prepare",
    "KMEANS_BYTES",
    "select",
    "refuse_small_classes",
]
