"""The parts of a report that show a set: the gallery through the moments of a run, or trees and their supports."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ddkit.errors import DDKitError
from ddkit.jobs.reports.pixels import Pixels, PixelsOf
from ddkit.report import Block, Moment, TextTable, first_images, heaviest, image_gallery, tree_drawings
from ddkit.run import RunFolder
from ddkit.synth import GraphSet, SyntheticSet, read_set

LARGE = 2**28
"""Bytes of a set's file. Of a larger set, the moments before the last are not read."""

MOST_IN_TABLE = 10
"""Samples of each class in the table of supports."""


def image_blocks(
    title: str, folder: RunFolder, pixels_of: PixelsOf, budget: int, missing: list[str]
) -> tuple[Block, ...]:
    """The gallery of a run: the initial images, the snapshots, and the set if it is finished.

    Args:
        pixels_of: gives the function that turns the set's images into pixels.
        missing: gets a line for each file that cannot be read, and one if the set's values cannot become pixels.
    """
    last, found = None, []
    for name, file in _files(folder):
        try:
            own = read_set(file)
        except DDKitError as error:
            missing.append(str(error))
            continue
        if last is not None and not torch.equal(own.labels, last.labels):
            found = []  # cannot be shown in the same places
        last, shown = own, first_images(own.labels)
        found.append((name, own.images[shown]))
    if last is None:
        return ()
    if len(found) > 1 and torch.equal(found[-2][1], found[-1][1]):
        del found[-2]  # the last snapshot is the finished set
    pixels = _pixels(pixels_of, last, missing)
    moments = [Moment(name, pixels(images)) for name, images in found]
    return (image_gallery(title, moments, last.labels, last.facts.classes, budget=budget),)


def graph_blocks(made: GraphSet, budget: int) -> tuple[Block, ...]:
    """The trees of the heaviest samples of each class, and the table of their supports."""
    samples = made.samples
    begin = np.concatenate([[0], np.cumsum(samples.size)])
    rows = []
    for label, name in enumerate(made.facts.classes):
        total = float(samples.support[samples.label == label].sum())
        for sample in heaviest(made, label)[:MOST_IN_TABLE]:
            trees = samples.tree[begin[sample] : begin[sample + 1]]
            weight, nodes = float(samples.support[sample]), int(made.trees.nodes[trees].sum())
            rows.append((name, str(sample), f"{weight:g}", f"{100 * weight / total:.1f}", str(len(trees)), str(nodes)))
    most = int(np.bincount(samples.label).max())
    first = f"; the {MOST_IN_TABLE} heaviest of each class" if most > MOST_IN_TABLE else ""
    columns = ("class", "sample", "weight", "% of the class", "trees", "nodes")
    return (tree_drawings(made, budget=budget), TextTable(columns, tuple(rows), f"Supports: weights of samples{first}"))


def _files(folder: RunFolder) -> Iterator[tuple[str, Path]]:
    """(title, file) of the sets of a run, in order."""
    large = folder.set.exists() and folder.set.stat().st_size > LARGE
    if not large:
        if folder.initial.exists():
            yield "initial images", folder.initial
        for iteration, file in folder.read_snapshots().items():
            yield f"iteration {iteration:,}", file
    if folder.set.exists():
        yield "finished set", folder.set


def _pixels(pixels_of: PixelsOf, made: SyntheticSet, missing: list[str]) -> Pixels:
    try:
        return pixels_of(made)
    except DDKitError as error:
        missing.append(
            f"The gallery shows whitened values, because the real data of the set is missing or differs: {error}"
        )
        return lambda images: (images / (6 * images.std().clamp_min(1e-9)) + 0.5).clamp(0, 1)
