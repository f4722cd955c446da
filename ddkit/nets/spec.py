"""Specs: networks as one line of text such as "convnet(depth=2, width=32)"."""

from __future__ import annotations

import re
from typing import Any

from ddkit.errors import UsageError
from ddkit.nets.net import NetSettings
from ddkit.nets.table import net_settings, was_named
from ddkit.recipe import parse_table
from ddkit.toml import parse_value, shortened, shown

SPEC = re.compile(r"\s*([\w-]+(?::[^()\s]+)?)\s*(?:\((.*)\))?\s*")

ASSIGNMENT = re.compile(r'((?:"(?:\\.|[^"\\])*"|[^,])*),')
"""One key=value and the comma after it; a comma within quotes belongs to the value."""


def net_spec(settings: NetSettings) -> str:
    """Return the canonical text of `settings` with all defaults. `parse_net` turns it into an equal object."""
    return settings.spec


def parse_net(spec: str) -> NetSettings:
    """Parse a spec such as "convnet", "convnet(depth=2, norm=batch)" or "timm:resnet18" into settings.

    A spec that begins with "py:" is the user's word that its module may be imported. `stored_net` reads specs of files.

    Raises:
        UsageError: the text is malformed, the network is unknown, or a setting is unknown, repeated or out of range.
    """
    where = f"net {shown(spec)}"
    match = SPEC.fullmatch(spec)
    if match is None:
        raise UsageError(f"{where}: must look like name or name(key=value, ...), as in convnet(depth=2)")
    name, inside = match[1], match[2]
    table: dict[str, Any] = {}
    for assignment in ASSIGNMENT.findall(f"{inside},") if inside and inside.strip() else []:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not (key and equals and text):
            raise UsageError(f"{where}: {shown(assignment.strip())} must look like key=value, as in depth=2")
        if key in table:
            raise UsageError(f"{where}: '{shortened(key)}' is given twice; keep one")
        table[key] = parse_value(text, where)  # a bare word is a string, as in norm=batch
    settings: NetSettings = parse_table(table, net_settings(name), where, name)
    return settings


def stored_net(spec: str) -> NetSettings:
    """Parse a spec that stands in a set or a teacher. Python code that it names is imported only if the user named it.

    Raises:
        UsageError: it names code that the user of this process has not named; otherwise as for `parse_net`.
    """
    if not may_import(spec):
        raise UsageError(
            f"net {shown(spec)}: is Python code that a file names, and ddkit imports only code that you name; give "
            f"--net {spec.partition('@')[0].strip()} (for teachers --nets or experts.nets), or another network"
        )
    return parse_net(spec)


def may_import(spec: str) -> bool:
    """Whether a spec of a file names no Python code, or code that the user has named in this process."""
    name = spec.partition("(")[0].strip()
    return not name.startswith("py:") or was_named(name)


def refuse_trained(net: NetSettings) -> None:
    """Raise UsageError for a network that starts from values trained elsewhere: only a teacher may."""
    if net.starts_trained:
        raise UsageError(
            f"net {net.spec}: starts from pretrained weights, which only teachers may (experts.nets), because an "
            "expert or a network that judges a set begins untrained; leave pretrained=true out"
        )
