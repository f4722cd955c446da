"""Experts: networks trained on the real data, kept as trajectories of flat parameter vectors.

In: the real training part, a network, and the settings of one expert kind (plain for MTT, flat for FTD). Out: a
content-addressed buffer on disk, one file an expert, and `Trajectories`, which maps single rows of it.
"""

from ddkit.experts.buffer import Buffer, BufferKey, find_buffers, list_buffers
from ddkit.experts.collect import collect
from ddkit.experts.settings import ExpertSettings, expert_settings
from ddkit.experts.train import train_expert, train_experts
from ddkit.experts.trajectories import Trajectories

__all__ = [
    "Buffer",
    "BufferKey",
    "ExpertSettings",
    "Trajectories",
    "collect",
    "expert_settings",
    "find_buffers",
    "list_buffers",
    "train_expert",
    "train_experts",
]
