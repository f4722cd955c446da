"""Recipes of any kind: strict in, exact out, every mistake one line."""

import dataclasses
from dataclasses import dataclass

import pytest
from toy_settings import Toy

from ddkit.data import DataSettings
from ddkit.errors import RecipeError
from ddkit.evaluation import EvaluateSettings
from ddkit.experts import expert_settings
from ddkit.jobs.recipes import IMAGES, AnyRecipe, Layout, Recipe, changed_settings, parse_recipe, to_toml
from ddkit.recipe import override
from ddkit.toml import read_toml


@dataclass(frozen=True, kw_only=True)
class ToyRecipe(AnyRecipe):
    data: DataSettings
    net: Toy | None
    method: Toy
    evaluate: EvaluateSettings


LAYOUT = Layout(
    plain={"data": DataSettings, "evaluate": EvaluateSettings},
    named={"method": lambda name: Toy, "net": lambda name: Toy, "experts": expert_settings},
    unknown="unknown section or key '{}'",
    required="add one with name =",
)


def parse(text, *overrides):
    tables = override(read_toml(text, "recipe 'mine.toml'"), overrides)
    return parse_recipe(tables, LAYOUT, "recipe 'mine.toml'")


def recipe(text, *overrides):
    written = parse(text, *overrides)
    return ToyRecipe(**{"net": None, **written.sections}, seed=written.seed)


def test_a_missing_section_has_the_defaults_and_a_missing_named_one_is_missing():
    written = parse("[method]\nname = 'toy'\n")
    assert written.sections == {"method": Toy(), "data": DataSettings(), "evaluate": EvaluateSettings()}
    assert written.seed == 0


def test_defaults_and_round_trip():
    text = '[method]\nname = "toy"\nbatch = 3\n[data]\nname = "npz:a \\"quoted\\".npz"\n[net]\nname = "toy"\n'
    found = recipe(text)
    assert found.method == Toy(batch=3) and found.net == Toy()
    assert recipe(to_toml(found)) == found
    assert recipe(to_toml(dataclasses.replace(found, method=Toy()))).method.batch is None


def test_a_section_of_none_is_left_out_of_the_text():
    assert "[net]" not in to_toml(recipe("[method]\nname = 'toy'\n"))


def test_sections_are_written_in_the_order_of_the_fields_after_the_seed():
    text = to_toml(recipe("seed = 3\n[net]\nname = 'toy'\n[method]\nname = 'toy'\n"))
    heads = [line for line in text.splitlines() if line.startswith(("seed", "["))]
    assert heads == ["seed = 3", "[data]", "[net]", "[method]", "[evaluate]"]
    assert [field.name for field in dataclasses.fields(Recipe)][1:] == ["data", "net", "experts", "method", "evaluate"]


def test_overrides_win_and_keep_types():
    found = recipe('[method]\nname = "toy"\nipc = 3\n', "method.ipc=5", "method.rate=1", "method.space=b", "seed=7")
    assert (found.method.ipc, found.method.rate, found.method.space, found.seed) == (5, 1.0, "b", 7)
    assert isinstance(found.method.rate, float)
    assert recipe('[method]\nname = "toy"\nbatch = 3\n', "method.batch=none").method.batch is None


def test_texts_that_need_escaping_round_trip():
    found = recipe('[method]\nname = "toy"\n')
    for name in ('npz:a\\b "c"\n\t\x01é.npz', "npz:\U0001f600.npz"):
        odd = dataclasses.replace(found, data=dataclasses.replace(found.data, name=name))
        assert recipe(to_toml(odd)) == odd


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
        (
            "seed = -1\n[method]\nname = 'toy'",
            "recipe 'mine.toml', key 'seed': must be an integer of at least 0 and at",
        ),
        ("[method]\nname = 'toy'\n[experts]\nname = 'plane'", "key 'experts.name': expert kind 'plane' is unknown"),
        ("[method", "is not valid TOML"),
    ],
)
def test_mistakes_are_one_line(text, line):
    with pytest.raises(RecipeError) as caught:
        parse(text)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_changed_settings_are_those_that_differ_from_the_defaults():
    """Two recipes with one answer are one; what a later version adds with a default is no part of it."""
    found = recipe("seed = 3\n[method]\nname = 'toy'\nipc = 7\nrate = 0.5\n[data]\nvalidation = 0.2\n")
    assert changed_settings(found) == {"seed": 3, "data.validation": 0.2, "method.name": "toy", "method.ipc": 7}


def test_every_section_of_a_recipe_for_images_is_in_its_layout():
    sections = {field.name for field in dataclasses.fields(Recipe)} - {"seed"}
    assert sections == {*IMAGES.plain, *IMAGES.named}


def test_a_method_for_graphs_is_no_method_of_a_recipe_for_images():
    with pytest.raises(RecipeError, match=r"key 'method\.name': method 'mirage' is for graphs"):
        parse_recipe({"method": {"name": "mirage"}}, IMAGES, "recipe 'x'")
