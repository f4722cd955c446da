"""Specs: networks as one line of text such as "convnet(depth=2, width=32)"."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from ddkit.errors import UsageError
from ddkit.nets.net import NetSettings
from ddkit.nets.table import net_settings
from ddkit.recipe import parse_table
from ddkit.toml import parse_value, shortened, shown


def net_spec(settings: NetSettings) -> str:
    """Return the canonical text of `settings` with all defaults. `parse_net` turns it into an equal object."""
    values = [f"{field.name}={getattr(settings, field.name)}" for field in dataclasses.fields(settings)]
    return f"{settings.name}({', '.join(values)})" if values else settings.name


def parse_net(spec: str) -> NetSettings:
    """Parse a spec such as "convnet" or "convnet(depth=2, norm=batch)" into settings.

    Raises:
        UsageError: the text is malformed, the network is unknown, or a setting is unknown, repeated or out of range.
    """
    where = f"net {shown(spec)}"
    match = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", spec)
    if match is None:
        raise UsageError(f"{where}: must look like name or name(key=value, ...), as in convnet(depth=2)")
    name, inside = match[1], match[2]
    table: dict[str, Any] = {}
    for assignment in inside.split(",") if inside and inside.strip() else []:
        key, equals, text = (part.strip() for part in assignment.partition("="))
        if not (key and equals and text):
            raise UsageError(f"{where}: {shown(assignment.strip())} must look like key=value, as in depth=2")
        if key in table:
            raise UsageError(f"{where}: '{shortened(key)}' is given twice; keep one")
        table[key] = parse_value(text, where)  # a bare word is a string, as in norm=batch
    settings: NetSettings = parse_table(table, net_settings(name), where, name)
    return settings
