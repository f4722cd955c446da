"""How many rows of a table are scored at once: as many as there are cores, and as memory reaches."""

import torch

from ddkit.evaluation.settings import EvaluateSettings
from ddkit.evaluation.trainer import AHEAD, STACK_UP_TO
from ddkit.evaluation.training import LR_GRIDS
from ddkit.memory import free_memory
from ddkit.run import how_many
from ddkit.steps import step_for
from ddkit.task import Task

VECTORS = 8
"""Vectors of all networks' parameters that training holds: the parameters, their momentum, gradients, and what is
between."""

MAPS = 3
"""Times that the maps of a batch are held: the maps, their derivatives, and what one layer needs beside them."""

CHOOSING = 4 + 2 * 8
"""Bytes a number of the largest class's images that k-means takes: float32, and twice float64."""


LARGEST_BATCH = 256
"""Images of a step under the papers' protocols."""


def row_memory(task: Task, settings: EvaluateSettings) -> int:
    """About how many bytes scoring one row takes, under any protocol, beside the data, which all rows share."""
    networks = len(LR_GRIDS[settings.optimiser]) * settings.nets
    batch = max(settings.batch, LARGEST_BATCH)
    net, train = task.net, task.real.train
    fused = step_for(net, torch.empty(0, device=task.device)).fused
    images = batch if fused else max(batch, networks * min(batch, STACK_UP_TO))  # small batches are stacked
    largest = int(train.labels.bincount().max()) * train.images[0].numel()
    training = 4 * (VECTORS * networks * net.parameters + MAPS * images * net.activations + 4 * AHEAD)
    return training + CHOOSING * largest


def rows_at_once(task: Task, settings: EvaluateSettings) -> int:
    """How many rows are scored at once, each in a process of its own."""
    return how_many(task.device, row_memory(task, settings), free_memory(torch.device("cpu")))
