"""Catalogues: names that recipes and commands accept, with a description and the settings of each.

A catalogue lists its names without torch. Only the settings of one name need the import of that method or network.
"""

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ddkit.data import DataSettings
from ddkit.data import names as images
from ddkit.docstrings import paragraphs, sentences
from ddkit.errors import UsageError, nearest
from ddkit.evaluation.protocol_names import paper_protocol, protocol_names
from ddkit.evaluation.protocols import PAPERS, PaperProtocol
from ddkit.evaluation.settings import EvaluateSettings
from ddkit.experts.kinds import KINDS, expert_settings
from ddkit.graphs import names as graphs
from ddkit.graphs.settings import GraphDataSettings
from ddkit.methods.table import method_class, method_homes
from ddkit.nets.table import OWN, net_homes, net_settings
from ddkit.recipe import allowed
from ddkit.recipe_files import shipped_recipes
from ddkit.toml import SHOWN, shortened

SETTINGS = "settings"
"""The title if there is a single group of settings."""


@dataclass(frozen=True)
class SettingLine:
    """One setting: its key, its default (or its value), its allowed values, and a line of help."""

    key: str
    value: str
    allowed: str
    help: str


@dataclass(frozen=True)
class SettingGroup:
    """Settings under a title. `section` is their section in a recipe; "" if they are fixed."""

    title: str
    section: str
    lines: tuple[SettingLine, ...]


@dataclass(frozen=True)
class Explanation:
    """The description of one name: paragraphs, groups of settings, and shipped recipes."""

    name: str
    about: tuple[str, ...]
    settings: tuple[SettingGroup, ...]
    recipes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """Names of one kind.

    Attributes:
        kind: the noun for one name, in error lines.
        section: the section of a recipe that holds their settings.
        lines: name -> one sentence.
        about: paragraphs about one name.
        settings: title -> settings of one name. A class is shown with its defaults, an object with its values.
        recipes: the shipped recipes of one name.
    """

    kind: str
    section: str
    lines: Callable[[], dict[str, str]]
    about: Callable[[str], tuple[str, ...]]
    settings: Callable[[str], dict[str, Any]]
    recipes: Callable[[str], tuple[str, ...]] = lambda name: ()

    def explain(self, name: str) -> Explanation:
        """The description of one name.

        Raises:
            UsageError: the name is unknown.
        """
        known = self.lines()
        if name not in known:
            raise UsageError(f"{self.kind} '{shortened(name)}': is unknown; {nearest(name[:SHOWN], known)}")
        groups = (
            SettingGroup(title, self.section if isinstance(found, type) else "", setting_lines(found))
            for title, found in self.settings(name).items()
            if dataclasses.fields(found)
        )
        return Explanation(name, self.about(name), tuple(groups), self.recipes(name))


def setting_lines(settings: Any) -> tuple[SettingLine, ...]:
    """The settings of a class with their defaults, or of an object with its values."""
    cls = settings if isinstance(settings, type) else type(settings)
    types = typing.get_type_hints(cls)
    lines = []
    for field in dataclasses.fields(cls):
        value = field.default if settings is cls else getattr(settings, field.name)
        text = "required" if value is dataclasses.MISSING else _text(value)
        help = field.metadata.get("help", "")  # settings of third parties may have none
        lines.append(SettingLine(field.name, text, allowed(field, types[field.name]), help))
    return tuple(lines)


def _text(value: Any) -> str:
    """A value in the form that --set key=VALUE reads."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return json.dumps(value)
    return "none" if value is None else str(value) or '""'


def _data() -> dict[str, str]:
    """Name -> one sentence, images first."""
    labels = {True: "a mirror image keeps the label", False: "a mirror image loses the label"}
    found = {
        name: f"Images; {labels[facts.flips_keep_label]}; {facts.licence}." for name, facts in images.NAMED.items()
    }
    found |= dict.fromkeys(images.OWN.values(), "Your own images, see docs/data.md.")
    found |= dict.fromkeys(images.third_party_sources(), "A third party's images.")
    found |= {name: f"Graphs; {graphs.licence_of(name)}." for name in graphs.GRAPHS}
    return found | dict.fromkeys(graphs.OWN.values(), "Your own graphs, see docs/graphs.md.")


def _about_data(name: str) -> tuple[str, ...]:
    facts = images.NAMED.get(name)
    classes = (f"{len(facts.classes)} classes: {', '.join(facts.classes)}.",) if facts and facts.classes else ()
    return (_data()[name], *classes)


def _data_settings(name: str) -> dict[str, Any]:
    return {SETTINGS: GraphDataSettings if graphs.is_graphs(name) else DataSettings}


def _protocols() -> dict[str, str]:
    found = {"honest": "Settings are chosen on the validation part; the test part is used once, after the last step."}
    found |= {"paper": "The protocol of the authors of the set's method."}
    found |= {f"paper-{name}": _paper_line(protocol) for name, protocol in PAPERS.items()}
    return found | dict.fromkeys((name for name in protocol_names() if name not in found), "A third party's protocol.")


def _paper_line(protocol: PaperProtocol) -> str:
    chosen = (
        "the best result on the test part is reported" if protocol.selects else "nothing is chosen on the test part"
    )
    return f"The protocol of {protocol.name}'s authors: {protocol.epochs} epochs by {protocol.optimiser}; {chosen}."


def _protocol_settings(name: str) -> dict[str, Any]:
    if name == "honest":
        from ddkit.evaluation import GraphTraining  # needs torch

        return {"settings for images": EvaluateSettings, "settings for graphs": GraphTraining}
    method = name.removeprefix("paper-")
    found = paper_protocol(method)
    return {} if found is None else {"settings of the authors": found}


def _names(found: list[Any]) -> tuple[str, ...]:
    return tuple(recipe.name for recipe in found)


def _of_classes(
    kind: str,
    section: str,
    table: Callable[[], Mapping[str, str]],
    settings_class: Callable[[str], type],
    recipes: Callable[[str], tuple[str, ...]] = lambda name: (),
) -> Catalogue:
    """The catalogue of a table of name -> "module:Class". The descriptions are the docstrings of the modules."""
    return Catalogue(
        kind=kind,
        section=section,
        lines=lambda: sentences(table()),
        about=lambda name: paragraphs(table(), name),
        settings=lambda name: {SETTINGS: settings_class(name)},
        recipes=recipes,
    )


CATALOGUES = {
    "methods": _of_classes(
        "method",
        "method",
        method_homes,
        lambda name: method_class(name).settings_class,
        recipes=lambda name: _names([recipe for recipe in shipped_recipes() if recipe.method == name]),
    ),
    "nets": Catalogue(
        kind="network",
        section="net",
        lines=lambda: sentences(net_homes()) | OWN,
        about=lambda name: (OWN[name],) if name in OWN else paragraphs(net_homes(), name),
        settings=lambda name: {} if name in OWN else {SETTINGS: net_settings(name)},
    ),
    "data": Catalogue(
        kind="data",
        section="data",
        lines=_data,
        about=_about_data,
        settings=_data_settings,
        recipes=lambda name: _names([recipe for recipe in shipped_recipes() if recipe.data == name]),
    ),
    "experts": _of_classes("kind of experts", "experts", lambda: KINDS, expert_settings),
    "protocols": Catalogue(
        kind="protocol",
        section="evaluate",
        lines=_protocols,
        about=lambda name: (_protocols()[name],),
        settings=_protocol_settings,
    ),
}
