"""The real data and the teachers of a set, as its facts and its recipe name them."""

import json
from dataclasses import replace
from typing import Any

from ddkit.data import DataSettings
from ddkit.errors import DataError, RecipeError
from ddkit.experts import TeacherSettings
from ddkit.jobs.data.loading import load_task
from ddkit.jobs.machine.device import pick_device
from ddkit.nets import parse_net, stored_net
from ddkit.recipe import override, parse_table
from ddkit.synth import SyntheticSet, shown
from ddkit.task import Task
from ddkit.toml import read_toml

SET_WITH_FLIPS = "the set was made with it, so use a set that was made without flips"
"""The fix in an error line, if a set was made under an augmentation with flips."""

DATA_ONLY = "mlp(depth=1, width=1)"
"""A network for work that reads the data only. The set's own might be code that nobody here has named."""


def load_task_of(synthetic: SyntheticSet, data: str | None = None, net: str | None = None, device: str = "cpu") -> Task:
    """The real data that a set was made from, compared with the set's digests, and a network for it.

    No set depends on the test part. If only the test part differs, the data has a remark.

    Args:
        synthetic: the set.
        data: where the data is now; None: where it was when the set was made.
        net: a network by spec; None: the set's own.
        device: "auto", "cpu", "cuda", ...

    Raises:
        DataError: the training data found here differs from the data that the set was made from, or the set's tensors
            were changed and are no longer valid.
    """
    replace(synthetic)  # runs its checks again, since tensors can be changed in place
    facts, settings = synthetic.facts, data_of(synthetic)
    settings = settings.moved_to(data) if data else settings
    task = load_task(settings, parse_net(net) if net else stored_net(facts.net), pick_device(device))
    if task.real.data.digest != facts.data_digest and task.real.data.training_digest == _training_digest(synthetic):
        task = _with_remark(task, "its test part differs from the one that the set was made beside; scores may differ")
        facts = replace(facts, data_digest=task.real.data.digest)
    for what, found, expected in (
        ("data", task.real.data.digest, facts.data_digest),
        ("preprocessing", task.real.preprocess.digest, facts.preprocess_digest),
    ):
        if found != expected:
            raise DataError(
                f"set of '{facts.dataset}': was made with other {what} (digest {expected[:8]}) than found here "
                f"({found[:8]}); name the data it was made from with --data"
            )
    preprocess = task.real.preprocess
    for name in ("space", "mean", "std"):
        stated, real = getattr(facts, name), getattr(preprocess, name)
        if stated is not None and stated != real:
            raise DataError(
                f"set of '{facts.dataset}': its {name} is {shown(stated)}, but that of its preprocessing is "
                f"{shown(real)}; make it again from this data"
            )
    for what, own, real in (
        ("images", tuple(synthetic.images.shape[1:]), tuple(task.real.data.shape)),
        ("classes", facts.classes, task.real.data.classes),
    ):
        if own != real:
            raise DataError(
                f"set of '{facts.dataset}': its {what} are {shown(own)}, but those of its data are {shown(real)}; make "
                "it again from this data"
            )
    return task


def _training_digest(synthetic: SyntheticSet) -> str | None:
    """The digest of the set's training data; None for sets of earlier versions, which do not have it."""
    found: str | None = json.loads(synthetic.record.lineage).get("training_data")
    return found


def _with_remark(task: Task, remark: str) -> Task:
    data = replace(task.real.data, notes=(*task.real.data.notes, remark))
    return replace(task, real=replace(task.real, data=data))


def data_of(synthetic: SyntheticSet, overrides: tuple[str, ...] = ()) -> DataSettings:
    """The settings of the data that a set was made from: overrides, then its recipe's [data], then its facts."""
    tables = override(read_toml(synthetic.record.recipe, "the set's recipe"), overrides)
    facts = {"name": synthetic.facts.dataset, "augment": synthetic.facts.augment}
    return parse_table(facts | _section(tables, "data"), DataSettings, "set", "data")


def teacher_table(synthetic: SyntheticSet) -> dict[str, Any] | None:
    """The settings of the teachers that labelled a set last, else those of its recipe; None if it has none."""
    relabelled: dict[str, Any] | None = json.loads(synthetic.record.lineage).get("teachers")
    if relabelled is not None:
        return relabelled
    table = dict(_section(read_toml(synthetic.record.recipe, "the set's recipe"), "experts"))
    return table if table.pop("name", None) == TeacherSettings.name else None


def _section(tables: dict[str, Any], name: str) -> dict[str, Any]:
    """A section of a set's recipe; empty if the recipe does not have it."""
    if not isinstance(table := tables.get(name, {}), dict):
        raise RecipeError(f"the set's recipe, key '{name}': must be a table, got {shown(table)}")
    return table
