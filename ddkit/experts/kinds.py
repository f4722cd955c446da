"""Names of the kinds of experts, and the paths of their settings classes."""

from typing import TYPE_CHECKING

from ddkit.name_table import class_named

if TYPE_CHECKING:  # names are listed without torch
    from ddkit.experts.settings import ExpertSettings

KINDS = {
    "plain": "ddkit.experts.plain:PlainExperts",
    "flat": "ddkit.experts.flat:FlatExperts",
    "smooth": "ddkit.experts.smooth:SmoothExperts",
    "curriculum": "ddkit.experts.curriculum:CurriculumExperts",
    "teacher": "ddkit.experts.teachers.settings:TeacherSettings",
}


def expert_settings(name: str) -> "type[ExpertSettings]":
    """The settings class of a kind of expert.

    Raises:
        UsageError: the kind is unknown.
    """
    found: type[ExpertSettings] = class_named("expert kind", name, KINDS)
    return found
