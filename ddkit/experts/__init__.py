"""Experts: networks trained on the real data, and stored on disk for all recipes with equal settings.

Given a task and the settings of one kind of expert, an `ExpertSource` finds stored experts and trains missing ones.
There are two sources: `trajectories/` stores the parameters after every epoch in a buffer (plain, flat and smooth
experts); `teachers/` stores the final network in a bundle. This package holds what both share: settings, training and
the contract.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.experts.kinds import expert_settings
    from ddkit.experts.population_stats import population_stats
    from ddkit.experts.settings import ExpertSettings
    from ddkit.experts.source import Experts, ExpertSource, Rehearsal, Stock, source_of
    from ddkit.experts.teachers import (
        Bundle,
        Ensemble,
        TeacherSettings,
        bundle_of,
        obtain_teachers,
        read_bundle,
        wanted_teachers,
        write_bundle,
    )
    from ddkit.experts.train import train_expert, train_experts
    from ddkit.experts.trajectories import Buffer, BufferKey, Trajectories, collect, find_buffers, list_buffers

__all__ = [
    "Buffer",
    "BufferKey",
    "Bundle",
    "Ensemble",
    "ExpertSettings",
    "ExpertSource",
    "Experts",
    "Rehearsal",
    "Stock",
    "TeacherSettings",
    "Trajectories",
    "bundle_of",
    "collect",
    "expert_settings",
    "find_buffers",
    "list_buffers",
    "obtain_teachers",
    "population_stats",
    "read_bundle",
    "source_of",
    "train_expert",
    "train_experts",
    "wanted_teachers",
    "write_bundle",
]
