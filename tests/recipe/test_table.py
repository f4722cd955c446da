"""One TOML table into one settings class."""

from dataclasses import dataclass

import pytest
from toy_settings import Toy

from ddkit.errors import RecipeError
from ddkit.recipe import Settings, parse_table, setting


def test_a_table_becomes_settings_in_their_declared_types():
    made = parse_table({"ipc": 3, "rate": 1, "batch": "none"}, Toy, "recipe", "method")
    assert made == Toy(ipc=3, rate=1.0) and isinstance(made.rate, float)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        ({"icp": 1}, "recipe: unknown key 'method.icp'; did you mean ipc?"),
        ({"x" * 100: 1}, f"recipe: unknown key 'method.{'x' * 60}... (100 characters)'; there are: batch, fast"),
        ({"ipc": 0}, "recipe, key 'method.ipc': must be an integer of at least 1, got 0"),
        ([1], "recipe, key 'method': must be a table, got [1]"),
    ],
)
def test_a_mistake_is_one_line(table, line):
    with pytest.raises(RecipeError) as error:
        parse_table(table, Toy, "recipe", "method")
    assert str(error.value).startswith(line) and "\n" not in str(error.value)


def test_a_required_key():
    @dataclass(frozen=True, kw_only=True)
    class Needs(Settings):
        ipc: int = setting(at_least=1)

    with pytest.raises(RecipeError, match=r"key 'method\.ipc': is required but missing"):
        parse_table({}, Needs, "recipe", "method")
