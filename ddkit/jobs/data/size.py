"""Refuse real images that do not fit into memory once they are preprocessed."""

from ddkit.data import DataSettings, ImageData, zca_memory, zca_seconds
from ddkit.errors import DataError, counted
from ddkit.jobs.machine.amounts import LONG, size_text, time_text
from ddkit.run import Meter


def refuse_too_large(data: ImageData, settings: DataSettings, free: int, meter: Meter) -> None:
    """Raise if the data needs more than `free` bytes; a line to `meter` announces a long whitening.

    Raises:
        DataError: the whitening's matrices, or the images as float32, do not fit.
    """
    where, (channels, height, width) = f"dataset '{data.name}'", data.shape
    size = f"{height}x{width} images of {counted(channels, 'channel')}"
    images = 4 * data.train_images.numel()
    if settings.preprocess == "zca":
        matrices = zca_memory(data.shape)
        if images + matrices > free:
            raise DataError(
                f"{where}, key 'data.preprocess': zca of {size} needs {size_text(images + matrices)} of memory (it "
                f"grows with the fourth power of the side), {size_text(free)} are free; use --set "
                "data.preprocess=normalise, or smaller images"
            )
        if (seconds := zca_seconds(data.shape)) > LONG:
            meter.say(
                f"zca of {size} will take about {time_text(seconds)} on two cores; to shorten it: "
                "--set data.preprocess=normalise"
            )
    if images > free:
        raise DataError(
            f"{where}: {len(data.train_images):,} {size} need {size_text(images)} of memory, {size_text(free)} are "
            "free; use fewer or smaller images"
        )
