"""Trajectories for trajectory matching: the parameters of an expert at its initialisation and after every epoch.

The experts of a task and a kind (plain for MTT, flat for FTD, smooth for AST) are stored in a buffer on disk, one file
an expert. `Trajectories` maps single rows of the buffer.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.experts.buffer_key import BufferKey
    from ddkit.experts.trajectories.buffer import Buffer
    from ddkit.experts.trajectories.buffers import find_buffers, list_buffers
    from ddkit.experts.trajectories.collect import collect
    from ddkit.experts.trajectories.source import TrajectorySource
    from ddkit.experts.trajectories.trajectories import Trajectories

__all__ = ["Buffer", "BufferKey", "Trajectories", "TrajectorySource", "collect", "find_buffers", "list_buffers"]
