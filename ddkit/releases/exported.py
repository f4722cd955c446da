"""ddkit's own exports: the .pt file, and the facts of a set as JSON, which all exports have."""

import json
from dataclasses import fields

from torch import Tensor

from ddkit.errors import DataError
from ddkit.releases.release import Choices, Release, Source
from ddkit.synth import SetFacts

IMAGE, LABEL, SOFT, FACTS = "image", "label", "soft_label", "facts"


class Exported:
    """Reads a .pt file that `ddkit export --to pt` wrote: a table of tensors, and the facts."""

    name = "an export of ddkit"
    choices: tuple[str, ...] = ()

    def recognises(self, source: Source) -> bool:
        return source.is_torch and isinstance(source.content, dict) and {IMAGE, LABEL, FACTS} <= set(source.content)

    def read(self, source: Source, choices: Choices) -> Release:
        table = source.content
        for name in (IMAGE, LABEL, SOFT):
            if name in table and not (isinstance(table[name], Tensor) and table[name].dim()):
                raise DataError(f"{source.where}: '{name}' must be a tensor, got {type(table[name]).__name__}")
        return Release(
            layout=self.name,
            images=table[IMAGE],
            labels=table[LABEL],
            soft=table.get(SOFT),
            files=(source.path,),
            facts=facts_of(str(table[FACTS]), source.where),
            uneven=True,
        )


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
