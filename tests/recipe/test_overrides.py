"""What `--set` lays over a recipe's tables."""

import pytest

from ddkit.errors import RecipeError
from ddkit.recipe import dropped, only, override


def test_an_override_is_a_toml_value_or_a_bare_word_and_leaves_the_tables_alone():
    tables = {"method": {"ipc": 1}}
    laid_over = override(tables, ("method.ipc=5", "method.rate=0.5", "method.space=b c", "seed=7", "data.name='x'"))
    assert laid_over == {"method": {"ipc": 5, "rate": 0.5, "space": "b c"}, "seed": 7, "data": {"name": "x"}}
    assert tables == {"method": {"ipc": 1}}


def test_naming_another_kind_drops_the_old_kinds_settings():
    tables = override({"net": {"name": "convnet", "depth": 2}}, ("net.name=lenet",))
    assert tables == {"net": {"name": "lenet"}}


def test_the_budget_stays_where_another_kind_is_named_and_what_is_dropped_is_named():
    before = {"method": {"name": "mtt", "ipc": 5, "syn_steps": 3}}
    after = override(before, ("method.name=ftd",))
    assert after == {"method": {"name": "ftd", "ipc": 5}}
    assert dropped(before, after) == "; without its settings of [method], which are another kind's"
    assert dropped({"method": {"name": "mtt", "ipc": 5}}, after) == ""


@pytest.mark.parametrize("assignment", ["ipc", "a.b.c=1", "=3", "method.=1"])
def test_bad_override(assignment):
    with pytest.raises(RecipeError, match=r"must look like section\.key=value"):
        override({}, (assignment,))


def test_a_key_is_no_section():
    with pytest.raises(RecipeError, match="'seed' is a key, not a section"):
        override({"seed": 3}, ("seed.x=1",))


def test_only_some_keys_can_be_set():
    only(("evaluate.nets=3", "data.name=x"), ("evaluate.", "data.name"), "here")
    with pytest.raises(RecipeError, match=r"--set 'method\.ipc=3': only evaluate\.\* can be set here"):
        only(("method.ipc=3",), ("evaluate.", "data.name"), "here")
