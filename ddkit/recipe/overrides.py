"""Overrides of a recipe's tables: `section.key=value`, the argument of `--set`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ddkit.errors import RecipeError
from ddkit.toml import parse_value, shortened, shown

NAMED_SECTIONS = ("net", "experts", "method")
"""Sections of several kinds. Their key `name` is the kind."""

KEPT = "ipc"
"""The setting that an override of the name keeps, because it means the same for every method."""


def override(tables: dict[str, Any], assignments: tuple[str, ...]) -> dict[str, Any]:
    """Return the tables with ``section.key=value`` assignments applied. Values are TOML; a bare word is a string.

    Assignments of a section's name are applied first. They drop the settings of the old kind, but not those of other
    assignments.

    Raises:
        RecipeError: an assignment does not have the form section.key=value.
    """
    tables = {key: dict(value) if isinstance(value, dict) else value for key, value in tables.items()}
    for assignment in sorted(assignments, key=lambda one: not _names(one)):
        path, equals, text = assignment.partition("=")
        parts = path.strip().split(".")
        where = f"--set {shown(assignment)}"
        if not equals or len(parts) > 2 or not all(parts):
            raise RecipeError(f"{where}: must look like section.key=value, as in method.syn_steps=30")
        value = parse_value(text, where)
        if len(parts) == 1:
            tables[parts[0]] = value
        else:
            section = tables.setdefault(parts[0], {})
            if not isinstance(section, dict):
                raise RecipeError(f"{where}: '{shortened(parts[0])}' is a key, not a section")
            if parts[1] == "name" and parts[0] in NAMED_SECTIONS and section.get("name") != value:
                for key in set(section) - {KEPT}:
                    del section[key]  # the settings of the old kind do not apply to the new one
            section[parts[1]] = value
    return tables


def _names(assignment: str) -> bool:
    return assignment.partition("=")[0].strip() in {f"{section}.name" for section in NAMED_SECTIONS}


def only(assignments: tuple[str, ...], begins: tuple[str, ...], when: str) -> None:
    """Raise RecipeError for the first assignment that does not begin with one of `begins`.

    Args:
        when: the end of the error line: when only these can be set.
    """
    for assignment in assignments:
        if not assignment.startswith(begins):
            raise RecipeError(f"--set {shown(assignment)}: only {begins[0]}* can be set {when}")


def dropped(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return the end of a line about settings that overrides dropped by naming another kind; empty if there are none.

    Args:
        before, after: the tables before and after the overrides.
    """
    kinds = [(section, before.get(section)) for section in NAMED_SECTIONS]
    gone = [
        f"[{section}]"
        for section, old in kinds
        if isinstance(old, dict) and set(old) - {"name", KEPT} and old.get("name") != after.get(section, {}).get("name")
    ]
    return f"; without its settings of {' and '.join(gone)}, which are another kind's" if gone else ""
