"""Experts: networks trained on the real data, kept as trajectories of flat parameter vectors.

In: the real training part, a network, and the settings of one expert kind (plain for MTT, flat for FTD). Out: a
content-addressed buffer on disk, one file an expert, and `Trajectories`, which maps single rows of it. Teachers are
experts of which the end counts: a `Bundle` each, and an `Ensemble` of them.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.experts.buffer import Buffer, find_buffers, list_buffers
    from ddkit.experts.buffer_key import BufferKey
    from ddkit.experts.bundle import Bundle, read_bundle, write_bundle
    from ddkit.experts.collect import collect
    from ddkit.experts.ensemble import Ensemble
    from ddkit.experts.hire import bundle_of, hire, population_stats, posts, read_post
    from ddkit.experts.kinds import expert_settings
    from ddkit.experts.settings import ExpertSettings
    from ddkit.experts.teacher import TeacherSettings
    from ddkit.experts.train import train_expert, train_experts
    from ddkit.experts.trajectories import Trajectories

__all__ = [
    "Buffer",
    "BufferKey",
    "Bundle",
    "Ensemble",
    "ExpertSettings",
    "TeacherSettings",
    "Trajectories",
    "bundle_of",
    "collect",
    "expert_settings",
    "find_buffers",
    "hire",
    "list_buffers",
    "population_stats",
    "posts",
    "read_bundle",
    "read_post",
    "train_expert",
    "train_experts",
    "write_bundle",
]
