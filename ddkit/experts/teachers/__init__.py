"""Teachers: experts that are used after training only, by methods that recover or label images.

The settings name one or more networks. Each trained network is stored as a `Bundle` on disk. An `Ensemble` of bundles
computes logits and labels.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.experts.teachers.bundle import Bundle, read_bundle, write_bundle
    from ddkit.experts.teachers.ensemble import Ensemble
    from ddkit.experts.teachers.obtain import bundle_of, obtain_teachers
    from ddkit.experts.teachers.settings import TeacherSettings
    from ddkit.experts.teachers.source import TeacherSource
    from ddkit.experts.teachers.wanted import Wanted, wanted_teachers

__all__ = [
    "Bundle",
    "Ensemble",
    "TeacherSettings",
    "TeacherSource",
    "Wanted",
    "bundle_of",
    "obtain_teachers",
    "read_bundle",
    "wanted_teachers",
    "write_bundle",
]
