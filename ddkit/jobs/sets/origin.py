"""What a set's record says about its origin: the licence of its real data, its papers, folders in its recipe."""

from typing import Any

from ddkit.publish import FOLDER, Origin, licence_of, papers_of
from ddkit.recipe import override
from ddkit.run import Meter
from ddkit.synth import GraphSet, SyntheticSet
from ddkit.toml import read_toml


def origin_of(made: SyntheticSet | GraphSet) -> Origin:
    """The licence and the papers of a set.

    Raises:
        RecipeError: its record has a recipe that is not TOML.
    """
    tables, facts = settings_of(made), made.facts
    data = tables.get("data")
    name = data.get("name", facts.dataset) if isinstance(data, dict) else facts.dataset
    return Origin(licence=licence_of(str(name)), papers=papers_of(facts.method, tables))


def settings_of(made: SyntheticSet | GraphSet) -> dict[str, Any]:
    """The tables of a set's recipe, with what its facts state about FYI; empty if it records no recipe."""
    recipe = read_toml(made.record.recipe, "the set's recipe")
    fyi = isinstance(made, SyntheticSet) and made.facts.fyi
    return override(recipe, ("method.fyi=true",)) if fyi else recipe


def report_origin(made: SyntheticSet | GraphSet, origin: Origin, meter: Meter) -> None:
    """Say what somebody who publishes a set should know: an undeclared licence, and folders that its recipe names."""
    if not origin.licence.declared:
        meter.say(f"the licence of {made.facts.dataset} is not declared; state it in README.md before you publish")
    if found := FOLDER.search(made.record.recipe):
        meter.say(f"the recipe in set.h5 names the folder '{found[0]}'; everyone who downloads the file can read it")
