"""Recipes: strict in, exact out, every mistake one line."""

import dataclasses
import math
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import pytest

from ddkit.errors import RecipeError, nearest
from ddkit.evaluation import GraphTraining
from ddkit.experts import TeacherSettings
from ddkit.methods import MethodSettings
from ddkit.methods.ftd import FTDSettings
from ddkit.methods.mirage import MirageSettings
from ddkit.nets.convnet import ConvNetSettings
from ddkit.recipe import (
    DataSettings,
    EvaluateSettings,
    changed_settings,
    override,
    parse_recipe,
    parse_table,
    preset,
    read_toml,
    setting,
    to_toml,
)


@dataclass(frozen=True, kw_only=True)
class Toy:
    name: ClassVar[str] = "toy"
    ipc: int = setting(1, at_least=1)
    rate: float = setting(0.5, above=0, at_most=1)
    batch: int | None = setting(None, at_least=1)
    space: str = setting("a", one_of=("a", "b"))
    fast: bool = setting(False)


def parse(text, *overrides):
    tables = override(read_toml(text, "recipe 'mine.toml'"), overrides)
    return parse_recipe(tables, lambda section, name: Toy, "recipe 'mine.toml'")


def test_defaults_and_round_trip():
    recipe = parse('[method]\nname = "toy"\nbatch = 3\n[data]\nname = "npz:a \\"quoted\\".npz"\n[net]\nname = "toy"\n')
    assert recipe.method == Toy(batch=3)
    assert recipe.experts is None
    assert parse(to_toml(recipe)) == recipe
    assert parse(to_toml(dataclasses.replace(recipe, method=Toy()))).method.batch is None


def test_overrides_win_and_keep_types():
    recipe = parse('[method]\nname = "toy"\nipc = 3\n', "method.ipc=5", "method.rate=1", "method.space=b", "seed=7")
    assert (recipe.method.ipc, recipe.method.rate, recipe.method.space, recipe.seed) == (5, 1.0, "b", 7)
    assert isinstance(recipe.method.rate, float)
    assert parse('[method]\nname = "toy"\nbatch = 3\n', "method.batch=none").method.batch is None


def test_texts_that_need_escaping_round_trip():
    recipe = parse('[method]\nname = "toy"\n')
    odd = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, name='npz:a\\b "c"\n\t\x01é.npz'))
    assert parse(to_toml(odd)) == odd


def test_naming_another_kind_drops_the_old_kinds_settings():
    tables = override({"net": {"name": "convnet", "depth": 2}}, ("net.name=lenet",))
    assert tables == {"net": {"name": "lenet"}}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            '[method]\nname = "toy"\nipc = 0',
            "recipe 'mine.toml', key 'method.ipc': must be an integer of at least 1, got 0",
        ),
        ('[method]\nname = "toy"\nipc = true', "key 'method.ipc': must be an integer of at least 1, got True"),
        ('[method]\nname = "toy"\nipc = 1.0', "must be an integer of at least 1, got 1.0"),
        ('[method]\nname = "toy"\nrate = 0', "must be a number above 0 and at most 1, got 0"),
        ('[method]\nname = "toy"\nrate = nan', "must be a number above 0 and at most 1, got nan"),
        ('[method]\nname = "toy"\nrate = inf', "must be a number above 0 and at most 1, got inf"),
        ('[method]\nname = "toy"\nspace = "c"', "must be one of a, b, got 'c'"),
        ('[method]\nname = "toy"\nfast = "False"', "must be true or false, got 'False'"),
        ('[method]\nname = "toy"\nbatch = 0', "must be an integer of at least 1 or none, got 0"),
        ('[method]\nname = "toy"\nicp = 1', "unknown key 'method.icp'; did you mean ipc"),
        ('[metod]\nname = "toy"', "unknown section or key 'metod'; did you mean method"),
        ("[method]\nipc = 1", "section 'method': must name its kind"),
        ("seed = 1", "has no [method] section"),
        ("[method", "is not valid TOML"),
    ],
)
def test_mistakes_are_one_line(text, line):
    with pytest.raises(RecipeError) as caught:
        parse(text)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("assignment", ["ipc", "a.b.c=1", "=3", "method.=1"])
def test_bad_override(assignment):
    with pytest.raises(RecipeError, match=r"must look like section\.key=value"):
        override({}, (assignment,))


def test_a_required_key():
    @dataclass(frozen=True, kw_only=True)
    class Needs:
        ipc: int = setting(at_least=1)

    with pytest.raises(RecipeError, match=r"key 'method\.ipc': is required but missing"):
        parse_table({}, Needs, "recipe", "method")


def test_an_unknown_name_is_told_its_neighbours_or_a_line_of_names() -> None:
    assert nearest("fdt", ["ftd", "mtt"]) == "did you mean ftd?"
    assert nearest("zzz", ["b", "a"]) == "there are: a, b"
    assert nearest("zzz", [f"n{i:02d}" for i in range(63)]).endswith("n18, n19 and 43 more")
    assert nearest("zzz", ["b", "a"], listed_by="ls") == "`ls` lists them"


def test_a_preset_changes_the_default_and_nothing_else() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Other(Toy):
        rate: float = preset(Toy, "rate", 0.75)

    assert Other().rate == 0.75 and Other().ipc == 1
    with pytest.raises(RecipeError, match="at most 1, got 2"):
        parse_table({"rate": 2.0}, Other, "recipe 'x'", "method")


def test_changed_settings_are_those_that_differ_from_the_defaults():
    """Two recipes with one answer are one; what a later version adds with a default is no part of it."""
    recipe = parse("seed = 3\n[method]\nname = 'toy'\nipc = 7\nrate = 0.5\n[data]\nvalidation = 0.2\n")
    assert changed_settings(recipe) == {"seed": 3, "data.validation": 0.2, "method.name": "toy", "method.ipc": 7}


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (lambda: FTDSettings(ipc=0), "FTDSettings, key 'ipc': must be an integer of at least 1, got 0"),
        (lambda: FTDSettings(lr_img=-5.0), "FTDSettings, key 'lr_img': must be a number"),
        (lambda: FTDSettings(engine="xyz"), "FTDSettings, key 'engine': must be one of"),
        (lambda: MirageSettings(ratio=2.0), "MirageSettings, key 'ratio'"),
        (lambda: TeacherSettings(count=0), "TeacherSettings, key 'count'"),
        (lambda: ConvNetSettings(depth=-1), "ConvNetSettings, key 'depth'"),
        (lambda: EvaluateSettings(nets=1), "EvaluateSettings, key 'nets'"),
        (lambda: GraphTraining(lr=math.inf), "GraphTraining, key 'lr'"),
        (lambda: DataSettings(validation=0.9), "DataSettings, key 'validation'"),
    ],
)
def test_settings_made_in_python_are_held_to_their_contract(made, line):
    with pytest.raises(RecipeError) as error:
        made()
    assert line in str(error.value)


def test_settings_made_in_python_are_those_that_a_recipe_gives():
    """In a process of its own: under test, jaxtyping holds arguments to their types before ddkit does."""
    text = """
from ddkit.errors import RecipeError
from ddkit.methods.ftd import FTDSettings
from ddkit.recipe import EvaluateSettings
assert type(FTDSettings(lr_img=3).lr_img) is float and EvaluateSettings(temperature="none") == EvaluateSettings()
for wrong in ({"ipc": "3"}, {"ipc": 1.5}, {"ipc": True}, {"fyi": "yes"}, {"lr_img": None}, {"pix_init": 3}):
    try:
        FTDSettings(**wrong)
    except RecipeError as error:
        assert f"FTDSettings, key '{next(iter(wrong))}': must be" in str(error), error
    else:
        raise AssertionError(wrong)
"""
    subprocess.run([sys.executable, "-c", text], check=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithList(MethodSettings):
    name = "with-list"
    widths: list[int] = dataclasses.field(default_factory=list, metadata={"help": "widths"})


def test_a_setting_of_a_type_that_no_recipe_can_hold_is_one_line():
    for make in (WithList, lambda: parse_table({"widths": [1]}, WithList, "recipe 'x'", "method")):
        with pytest.raises(RecipeError, match=r"key '.*widths': its settings class declares it as list\[int\]"):
            make()
