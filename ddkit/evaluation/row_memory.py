"""The memory that scoring one row needs. An executor then runs as many rows at once as fit."""

import torch

from ddkit.data import KMEANS_BYTES
from ddkit.evaluation.settings import EvaluateSettings
from ddkit.evaluation.trainer import AHEAD, STACK_UP_TO
from ddkit.evaluation.training import LR_GRIDS
from ddkit.executors import Needs
from ddkit.steps import step_for, training_memory
from ddkit.task import Task

LARGEST_BATCH = 256
"""Largest batch size of the papers' protocols."""


def row_memory(task: Task, settings: EvaluateSettings) -> int:
    """An estimate of the bytes for scoring one row under any protocol, without the data, which all rows share."""
    networks = len(LR_GRIDS[settings.optimiser]) * settings.nets
    batch = max(settings.batch, LARGEST_BATCH)
    net, train = task.net, task.real.train
    fused = step_for(net, torch.empty(0, device=task.device)).fused
    stacked = networks * min(batch, STACK_UP_TO) if net.stackable and not fused else 0  # small batches are stacked
    images = max(batch, stacked)
    largest = int(train.labels.bincount().max()) * train.images[0].numel()
    return training_memory(net, networks, images) + 16 * AHEAD + KMEANS_BYTES * largest


def row_needs(task: Task, settings: EvaluateSettings, made: int = 0) -> Needs:
    """What scoring one row needs. `made`: bytes of images that are made for a row; see `Table.made_bytes`."""
    return Needs(task.device, row_memory(task, settings) + made, task.data_bytes)
