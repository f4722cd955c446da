"""Teachers: experts of which only the end counts, as methods that recover or label images need.

In: a task and the teachers' settings, which name several networks. Out: a `Bundle` on disk each, and an `Ensemble` of
them, which gives logits and labels.
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
