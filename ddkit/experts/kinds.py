"""Names of the kinds of experts, and the paths of their settings classes."""

from pkgutil import resolve_name
from typing import TYPE_CHECKING

from ddkit.errors import UsageError, nearest

if TYPE_CHECKING:  # names are listed without torch
    from ddkit.experts.settings import ExpertSettings

KINDS = {
    "plain": "ddkit.experts.plain:PlainExperts",
    "flat": "ddkit.experts.flat:FlatExperts",
    "smooth": "ddkit.experts.smooth:SmoothExperts",
    "teacher": "ddkit.experts.teachers.settings:TeacherSettings",
}


def expert_settings(name: str) -> "type[ExpertSettings]":
    """The settings class of a kind of expert.

    Raises:
        UsageError: the kind is unknown.
    """
    if name not in KINDS:
        raise UsageError(f"expert kind '{name}' is unknown; {nearest(name, KINDS)}")
    found: type[ExpertSettings] = resolve_name(KINDS[name])
    return found
