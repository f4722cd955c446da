"""What a contract says in words is what it checks."""

import math

import pytest

from ddkit.errors import RecipeError
from ddkit.recipe import allowed, contract_of, setting
from ddkit.recipe.constraint import BOUNDS


@pytest.mark.parametrize(
    ("limits", "declared", "words", "good", "bad"),
    [
        ({}, int, "an integer", (0, -3, 2**31 - 1), (1.0, True, "1", None)),
        ({"at_least": 1}, int, "an integer of at least 1", (1, 2), (0, False, math.nan)),
        ({"above": 0, "below": 0.5}, float, "a number above 0 and below 0.5", (0.1, 5e-324), (0, 0.5, True, math.inf)),
        ({"at_least": 0, "at_most": 1}, float, "a number of at least 0 and at most 1", (0, 1, 0.5), (-1e-9, 1.1)),
        ({}, float, "a number", (0, -1e308), (math.nan, math.inf, -math.inf, 10**400)),
        ({}, bool, "true or false", (True, False), (0, 1, "true", None)),
        ({"one_of": ("sgd", "adamw")}, str, "one of sgd, adamw", ("sgd",), ("", "SGD", 3, None)),
        ({"one_of": (0.5, 1.0)}, float, "one of 0.5, 1.0", (1, 0.5), (0.7, True)),
        ({"at_least": 1}, int | None, "an integer of at least 1 or none", (1, None, "none"), (0, "None")),
    ],
)
def test_a_value_is_refused_in_the_words_of_the_contract(limits, declared, words, good, bad):
    field = setting(0, **limits)
    field.name = "x"
    assert allowed(field, declared) == words
    contract = contract_of(field, declared, "here")
    for value in good:
        assert contract.check(value, "here") == (None if value == "none" else value)
    for value in bad:
        with pytest.raises(RecipeError) as error:
            contract.check(value, "here")
        assert str(error.value).startswith(f"here: must be {words}, got ")


@pytest.mark.parametrize(("name", "outside"), [("at_least", -1), ("above", 0), ("at_most", 1), ("below", 0)])
def test_a_bound_names_its_limit_and_is_exact(name, outside):
    bound = BOUNDS[name](0)
    inside = 0 if name.startswith("at_") else (1 if name == "above" else -1)
    assert bound.words.endswith(" 0") and bound.holds(inside) and not bound.holds(outside)


def test_an_integer_without_an_upper_bound_is_held_to_one_that_is_named_only_where_it_matters():
    field = setting(0, at_least=1)
    field.name = "x"
    assert allowed(field, int) == "an integer of at least 1"
    with pytest.raises(RecipeError, match="an integer of at least 1 and at most 2147483647, got 2147483648"):
        contract_of(field, int, "here").check(2**31, "here")
    assert contract_of(setting(0, at_most=2**60), int, "here").check(2**31, "here") == 2**31
