"""Catalogues say what the tables and the settings classes say."""

import dataclasses
import importlib.metadata
import typing
from pathlib import Path

import pytest

from ddkit.data.names import NAMED
from ddkit.errors import RecipeError, UsageError
from ddkit.evaluation import EvaluateSettings
from ddkit.evaluation.protocol_names import PROTOCOLS
from ddkit.experts.kinds import KINDS
from ddkit.graphs.names import GRAPHS
from ddkit.jobs.catalogues import CATALOGUES, Explanation
from ddkit.methods.table import METHODS
from ddkit.nets.table import NETS, OWN
from ddkit.recipe import allowed, override, parse_table
from ddkit.recipe_files import ShippedRecipe, list_recipes, shipped_recipes

TABLES = {
    "methods": [*METHODS],
    "nets": list(NETS),
    "data": [*NAMED, *GRAPHS],
    "experts": list(KINDS),
    "protocols": list(PROTOCOLS),
}
EVERY = [(catalogue, name) for catalogue in CATALOGUES for name in CATALOGUES[catalogue].lines()]


def explained(catalogue: str, name: str) -> Explanation:
    return CATALOGUES[catalogue].explain(name)


@pytest.mark.parametrize("catalogue", TABLES)
def test_every_name_has_a_sentence(catalogue: str) -> None:
    lines = CATALOGUES[catalogue].lines()
    assert set(TABLES[catalogue]) <= set(lines)
    for name, line in lines.items():
        assert line.endswith(".") and 10 < len(line) < 160 and line.count("(") == line.count(")"), (name, line)
    assert catalogue in ("data", "protocols") or len(set(lines.values())) == len(lines)


@pytest.fixture
def recipes_read_once(recipes: list[ShippedRecipe], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ddkit.jobs.catalogues.shipped_recipes", lambda: recipes)


@pytest.fixture(scope="module")
def recipes() -> list[ShippedRecipe]:
    return shipped_recipes()


@pytest.mark.parametrize(("catalogue", "name"), EVERY)
def test_every_setting_has_a_line_of_help_and_its_default_reads_back(
    recipes_read_once: None, catalogue: str, name: str
) -> None:
    """What stands there can be copied after --set, and gives the settings of the class."""
    found = explained(catalogue, name)
    assert found.about and all(found.about)
    classes = [cls for cls in CATALOGUES[catalogue].settings(name).values() if dataclasses.fields(cls)]
    for group, cls in zip(found.settings, classes, strict=True):
        assert all(line.help and line.allowed and line.key for line in group.lines)
        if group.section:
            texts = tuple(f"{group.section}.{line.key}={line.value}" for line in group.lines if line.key != "name")
            assert parse_table(override({}, texts).get(group.section, {}), cls, "", group.section) == cls()
    assert found.settings or name in ("paper", "alexnet", "lenet", *OWN)


def test_what_is_allowed_is_what_an_error_asks_for() -> None:
    for field in dataclasses.fields(EvaluateSettings):
        wanted = allowed(field, typing.get_type_hints(EvaluateSettings)[field.name])
        with pytest.raises(RecipeError) as refused:
            parse_table({field.name: []}, EvaluateSettings, "here", "evaluate")
        assert f"must be {wanted}" in str(refused.value)


def test_a_paper_and_its_recipes() -> None:
    found = explained("methods", "ftd")
    assert found.about[0] == "FTD: Minimizing the Accumulated Trajectory Error (Du et al., CVPR 2023)."
    assert found.recipes == tuple(name for name in list_recipes() if name.startswith("ftd-"))
    (group,) = found.settings
    line = next(line for line in group.lines if line.key == "ema_decay")
    assert (line.value, line.allowed) == ("0.9995", "a number of at least 0 and below 1")
    assert explained("data", "imagenette").recipes[0] == "ast-imagenette-ipc1"


def test_a_protocol_shows_what_its_authors_did() -> None:
    (group,) = explained("protocols", "paper-dc").settings
    values = {line.key: line.value for line in group.lines}
    assert (values["epochs"], values["authors_nets"], values["lr"], values["augmented"]) == (
        "300",
        "20",
        "none",
        "false",
    )
    assert explained("protocols", "paper").settings == ()


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="network 'convnett': is unknown; did you mean convnet"):
        explained("nets", "convnett")


FOREIGN = '''"""Toy (Someone, 2030): a method of somebody else. It takes no step."""

import dataclasses
from typing import ClassVar

from ddkit.methods import MethodSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToySettings(MethodSettings):
    name: ClassVar[str] = "toy"
    bare: int = 3


class Toy:
    settings_class = ToySettings
'''


def test_a_method_of_a_third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy_method.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(str(tmp_path))
    point = importlib.metadata.EntryPoint("toy", "toy_method:Toy", "ddkit.methods")
    found = importlib.metadata.EntryPoints([point])
    monkeypatch.setattr("ddkit.name_table.entry_points", lambda **which: found.select(**which))
    assert CATALOGUES["methods"].lines()["toy"] == "Toy (Someone, 2030): a method of somebody else."
    lines = explained("methods", "toy").settings[0].lines
    assert [(line.key, line.value, line.help) for line in lines] == [
        ("ipc", "1", "images per class; uneven: a share of each class, or a table"),
        ("bare", "3", ""),
    ]
