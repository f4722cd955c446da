"""Settings made in Python are held to their contracts."""

import dataclasses
import math
import subprocess
import sys
from dataclasses import dataclass

import pytest
from toy_settings import Toy

from ddkit.data import DataSettings
from ddkit.errors import RecipeError
from ddkit.evaluation import EvaluateSettings, GraphTraining
from ddkit.experts import TeacherSettings
from ddkit.methods import MethodSettings
from ddkit.methods.ftd import FTDSettings
from ddkit.methods.mirage import MirageSettings
from ddkit.nets.convnet import ConvNetSettings
from ddkit.recipe import admits, field_of, parse_table, preset


def test_a_preset_changes_the_default_and_nothing_else() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Other(Toy):
        rate: float = preset(Toy, "rate", 0.75)

    assert Other().rate == 0.75 and Other().ipc == 1
    with pytest.raises(RecipeError, match="at most 1, got 2"):
        parse_table({"rate": 2.0}, Other, "recipe 'x'", "method")


def test_a_number_is_admitted_by_the_bounds_of_a_setting_whatever_its_default() -> None:
    assert admits(field_of(Toy, "ipc"), 1) and not admits(field_of(Toy, "ipc"), 0)
    assert not admits(field_of(Toy, "rate"), 0) and admits(field_of(Toy, "rate"), 1)


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
from ddkit.evaluation import EvaluateSettings
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
