"""The real data and the teachers of a set, as its facts and its recipe name them."""

import json
from dataclasses import replace
from typing import Any

from ddkit.data import DataSettings
from ddkit.errors import DataError, RecipeError
from ddkit.experts import TeacherSettings
from ddkit.jobs.data.loading import lay_out
from ddkit.jobs.machine.device import pick_device
from ddkit.nets import parse_net
from ddkit.recipe import override, parse_table
from ddkit.synth import SyntheticSet, shown
from ddkit.task import Task
from ddkit.toml import read_toml

OF_THE_SET = "it is the set's, so take one made without flips"
"""How to do without flips that a set was made under."""


def lay_out_for(synthetic: SyntheticSet, data: str | None = None, net: str | None = None, device: str = "cpu") -> Task:
    """The real data a set was made from, held against the set's digests, and a network for it.

    Raises:
        DataError: this machine's data differs from what the set was made from, or the set's tensors were changed into
            what no set can be.
    """
    replace(synthetic)  # its checks again: tensors can be changed in place
    facts, settings = synthetic.facts, data_of(synthetic)
    settings = replace(settings, name=data) if data else settings
    task = lay_out(settings, parse_net(net or facts.net), pick_device(device))
    for what, ours, theirs in (
        ("data", task.real.data.digest, facts.data_digest),
        ("preprocessing", task.real.preprocess.digest, facts.preprocess_digest),
    ):
        if ours != theirs:
            raise DataError(
                f"set of '{facts.dataset}': was made with other {what} (digest {theirs[:8]}) than found here "
                f"({ours[:8]}); name the data it was made from with --data"
            )
    preprocess = task.real.preprocess
    for name in ("space", "mean", "std"):
        told, real = getattr(facts, name), getattr(preprocess, name, None)
        if told is not None and told != real:
            raise DataError(
                f"set of '{facts.dataset}': its {name} is {shown(told)}, but that of its preprocessing {shown(real)}; "
                "make it again from this data"
            )
    for what, mine, real in (
        ("images", tuple(synthetic.images.shape[1:]), tuple(task.real.data.shape)),
        ("classes", facts.classes, task.real.data.classes),
    ):
        if mine != real:
            raise DataError(
                f"set of '{facts.dataset}': its {what} are {shown(mine)}, but those of its data {shown(real)}; make it "
                "again from this data"
            )
    return task


def data_of(synthetic: SyntheticSet, overrides: tuple[str, ...] = ()) -> DataSettings:
    """The data a set was made from: as its recipe says, with what is laid over it, else as its facts say."""
    tables = override(read_toml(synthetic.record.recipe, "the set's recipe"), overrides)
    told = {"name": synthetic.facts.dataset, "augment": synthetic.facts.augment}
    return parse_table(told | _section(tables, "data"), DataSettings, "set", "data")


def teacher_table(synthetic: SyntheticSet) -> dict[str, Any] | None:
    """The settings of a set's teachers: those who named it last, or else its recipe's; None if it has none."""
    relabelled: dict[str, Any] | None = json.loads(synthetic.record.lineage).get("teachers")
    if relabelled is not None:
        return relabelled
    table = dict(_section(read_toml(synthetic.record.recipe, "the set's recipe"), "experts"))
    return table if table.pop("name", None) == TeacherSettings.name else None


def _section(tables: dict[str, Any], name: str) -> dict[str, Any]:
    """A section of a set's recipe, empty where there is none."""
    if not isinstance(table := tables.get(name, {}), dict):
        raise RecipeError(f"the set's recipe, key '{name}': must be a table, got {shown(table)}")
    return table
