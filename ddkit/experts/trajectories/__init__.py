"""Trajectories: the parameters of an expert at its initialisation and after every epoch, as trajectory matching reads.

In: a task and the settings of a kind of expert (plain for MTT, flat for FTD, smooth for AST). Out: a content-addressed
buffer on disk, one file an expert, and `Trajectories`, which maps single rows of it.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.experts.buffer_key import BufferKey
    from ddkit.experts.trajectories.buffer import Buffer, find_buffers, list_buffers
    from ddkit.experts.trajectories.collect import collect
    from ddkit.experts.trajectories.source import TrajectorySource
    from ddkit.experts.trajectories.trajectories import Trajectories

__all__ = ["Buffer", "BufferKey", "Trajectories", "TrajectorySource", "collect", "find_buffers", "list_buffers"]
