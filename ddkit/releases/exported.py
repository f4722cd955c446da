"""The facts of a set in ddkit's own exports, as JSON."""

import json
from dataclasses import fields

from ddkit.errors import DataError
from ddkit.synth import SetFacts


def facts_of(text: str, where: str) -> SetFacts:
    """Read the facts of a set from JSON. Keys that are no facts, such as the number of clipped values, are ignored.

    Raises:
        DataError: they are no valid facts.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        table = None
    names = {field.name for field in fields(SetFacts)}
    if not isinstance(table, dict):
        raise DataError(f"{where}: 'facts' must be an object of JSON; it is no export of ddkit, so rename the array")
    return SetFacts(**{key: value for key, value in table.items() if key in names})
