"""Uneven numbers of images: `method.ipc` as a share of each class or as a table, against exact fractions."""

import re
from fractions import Fraction

import pytest

from ddkit.errors import RecipeError, UsageError
from ddkit.methods import image_method, method_names
from ddkit.methods.dm import DMSettings
from ddkit.recipe import PerClass, Share, Uneven, allowed, contract_of, field_of, override, parse_table
from ddkit.toml import read_toml

TAKES = {"random", "herding", "kmeans", "dm", "dc", "dsa", "ncfm", "ncfm-release"}
TAKES |= {"mtt", "ftd", "ast", "datm", "att", "pad", "edf", "tesla", "best"}
"""Methods of ddkit that make uneven sets."""


@pytest.mark.parametrize("share", ["0.01", "0.05", "0.145", "0.5", "1", "1e-3"])
def test_a_share_is_rounded_half_up_and_at_least_one(share: str) -> None:
    sizes = {str(n): n for n in (1, 2, 3, 10, 30, 50, 99, 100, 101, 150, 999, 5000)}
    rule = Uneven.read(f"share:{share}")
    assert rule == Share(float(share))
    wanted = [max(1, (2 * Fraction(share) * n + 1) // 2) for n in sizes.values()]
    assert list(rule.counts(sizes)) == wanted
    assert all(count <= n for count, n in zip(wanted, sizes.values(), strict=True))


def test_a_table_gives_every_class_its_number() -> None:
    rule = Uneven.read({"zero": 3, "one": 1, "two": 2})
    assert rule is not None and rule.counts({"two": 9, "zero": 9, "one": 9}) == (2, 3, 1)
    assert rule == Uneven.read({"two": 2, "one": 1, "zero": 3})


@pytest.mark.parametrize(
    ("sizes", "line"),
    [
        ({"zero": 9}, "has no class 'one'"),
        ({"zero": 9, "one": 9, "two": 9, "three": 9}, "gives no number for 2 classes of 4, the first is 'two'"),
    ],
)
def test_a_table_of_other_classes_is_refused(sizes: dict[str, int], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        PerClass((("one", 1), ("zero", 3))).counts(sizes)


@pytest.mark.parametrize(
    "wrong",
    [
        *("share:0", "share:-1", "share:1.01", "share:nan", "share:inf", "share:", "share:x", "0.5", "none"),
        *({}, {"a": 0}, {"a": 1.5}, {"a": True}, {"a": "1"}, {"a": 2**31}, {"a": {"b": 1}}),
        *([1, 2], 0, 1.5, True, None),
    ],
)
def test_other_values_are_refused_in_the_words_of_the_contract(wrong: object) -> None:
    words = 'an integer of at least 1, "share:F" with 0 < F <= 1, or a table class = images'
    field = field_of(DMSettings, "ipc")
    assert allowed(field, int | Uneven) == words
    said = words if isinstance(wrong, str | dict) else "an integer of at least 1"
    with pytest.raises(RecipeError, match=f"^here: must be {re.escape(said)}, got "):
        contract_of(field, int | Uneven, "here").check(wrong, "here")


@pytest.mark.parametrize("value", ["share:0.05", '{zero = 3, "a \\"b\\" ü" = 1}', "3"])
def test_a_value_is_written_and_read_back(value: str) -> None:
    (table,) = override({"method": {}}, (f"method.ipc={value}",)).values()
    ipc = parse_table(table, DMSettings, "here", "method").ipc
    text = ipc.toml if isinstance(ipc, Uneven) else str(ipc)
    assert parse_table(read_toml(f"ipc = {text}", "here"), DMSettings, "here", "method").ipc == ipc


@pytest.mark.parametrize("name", [name for name in method_names("images") if not name.startswith("toy")])
def test_a_method_takes_uneven_classes_or_is_refused_by_name(name: str) -> None:
    settings = image_method(name).settings_class
    if name in TAKES:
        assert parse_table({"ipc": "share:0.1"}, settings, "here", "method").ipc == Share(0.1)
        return
    with pytest.raises(RecipeError, match=f"'method.ipc': method '{name}' makes the same number .* share:0.1"):
        parse_table({"ipc": "share:0.1"}, settings, "here", "method")
