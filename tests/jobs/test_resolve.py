"""Which setting wins, which recipe is taken, and that the shipped recipes are sound."""

from pathlib import Path

import pytest

from ddkit import recipe_files as module
from ddkit.errors import RecipeError, UsageError
from ddkit.jobs import Request
from ddkit.jobs.recipes import IMAGES, parse_recipe, to_toml
from ddkit.jobs.recipes.resolve import resolve, with_defaults
from ddkit.jobs.recipes.resolve_graphs import resolve_graphs
from ddkit.methods import method_names
from ddkit.methods.table import GRAPH_METHODS
from ddkit.recipe_files import find_recipe
from ddkit.toml import read_toml

RECIPE = """
seed = 3
[data]
name = "digits"
validation = 0.2
[net]
name = "convnet"
depth = 1
[method]
name = "{method}"
ipc = 5
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE.format(method="mtt"))
    return path


@pytest.fixture
def shipped_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes of ours: mtt for digits at 1 and 10 images a class."""
    (tmp_path / "shipped").mkdir()
    for ipc, width in ((1, 11), (10, 22)):
        text = RECIPE.format(method="mtt").replace("ipc = 5", f"ipc = {ipc}").replace("depth = 1", f"width = {width}")
        (tmp_path / "shipped" / f"mtt-digits-ipc{ipc}.toml").write_text(text)
    monkeypatch.setattr(module, "shipped", lambda folder: tmp_path / "shipped")


def test_a_recipe_keeps_what_nobody_contradicts(recipe: Path) -> None:
    found, origin = resolve(recipe=recipe)
    assert (found.seed, found.data.validation, found.net.depth, found.method.ipc) == (3, 0.2, 1, 5)
    assert found.method.name == "mtt" and str(recipe) in origin


def test_flags_win_over_the_recipe_and_set_over_both(recipe: Path) -> None:
    flags = {"data": "cifar10", "ipc": 7, "seed": 4}
    found, _ = resolve(recipe=recipe, **flags)
    assert (found.data.name, found.method.ipc, found.seed) == ("cifar10", 7, 4)
    assert (found.data.validation, found.net.depth) == (0.2, 1)
    found, _ = resolve(recipe=recipe, **flags, overrides=("method.ipc=9", "seed=5", "data.name=svhn", "net.width=8"))
    assert (found.data.name, found.method.ipc, found.seed, found.net.width) == ("svhn", 9, 5, 8)


def test_another_kind_drops_a_sections_settings_and_says_so(recipe: Path) -> None:
    found, origin = resolve(recipe=recipe, overrides=("method.name=ftd", "net.name=convnet"))
    assert (found.method.name, found.method.ipc, found.net.depth) == ("ftd", 5, 1)  # the budget stays
    assert "without" not in origin
    recipe.write_text(recipe.read_text() + "syn_steps = 3\n")
    found, origin = resolve(recipe=recipe, overrides=("method.name=ftd", "net.name=mlp"))
    assert (found.method.ipc, found.method.syn_steps) == (5, 50)
    assert origin.endswith("without its settings of [net] and [method], which are another kind's")


def test_a_name_comes_first_and_drops_nothing_that_is_asked_for(recipe: Path) -> None:
    one, other = ("method.syn_steps=7", "method.name=ftd"), ("method.name=ftd", "method.syn_steps=7")
    assert resolve(recipe=recipe, overrides=one)[0] == resolve(recipe=recipe, overrides=other)[0]
    assert resolve(recipe=recipe, overrides=one)[0].method.syn_steps == 7
    assert resolve(recipe=recipe, ipc=3, overrides=("method.name=ftd",))[0].method.ipc == 3
    experts = resolve(recipe="ftd-digits-ipc1", overrides=("experts.count=4", "experts.name=plain"))[0].experts
    assert (experts.name, experts.count) == ("plain", 4)


def test_a_method_without_experts_leaves_the_recipes_and_says_so() -> None:
    found, origin = resolve(recipe="ast-digits-ipc10", method="dc")
    assert found.experts is None and found.method.ipc == 10
    assert origin.endswith("without its settings of [experts] and [method], which are another kind's")
    with pytest.raises(RecipeError, match="method 'dc' reads no experts"):
        resolve(recipe="ast-digits-ipc10", method="dc", overrides=("experts.count=3",))


@pytest.mark.parametrize("path", ["npz:/data/my own.npz", r"npz:C:\new\table.npz", 'folder:/a "b"/é', "npz:a=b.npz"])
def test_a_path_arrives_as_it_was_given(recipe: Path, path: str) -> None:
    found, _ = resolve(recipe=recipe, data=path)
    assert found.data.name == path
    assert with_defaults(parse_recipe(read_toml(to_toml(found), "again"), IMAGES, "again")) == found


def test_the_shipped_recipe_of_method_data_and_ipc_is_taken(shipped_recipes: None) -> None:
    for ipc, width in ((None, 11), (1, 11), (10, 22)):
        found, origin = resolve(method="mtt", ipc=ipc)
        assert (found.net.width, found.method.ipc) == (width, ipc or 1)
        assert origin == f"recipe mtt-digits-ipc{ipc or 1}"
    assert resolve(recipe="mtt-digits-ipc10")[0] == resolve(method="mtt", data="digits", ipc=10)[0]


@pytest.mark.parametrize("ipc, lent, width", [(50, 10, 22), (4, 10, 22), (3, 1, 11), (1, 1, 11), (0, 1, 11)])
def test_a_missing_recipe_falls_back_to_the_nearest_of_digits_and_says_so(
    shipped_recipes: None, ipc: int, lent: int, width: int
) -> None:
    found, origin = resolve(method="mtt", data="cifar10", ipc=ipc or None, overrides=(f"method.ipc={ipc or 7}",))
    assert (found.net.width, found.data.name, found.method.ipc) == (width, "cifar10", ipc or 7)
    assert f"mtt-digits-ipc{lent}" in origin and f"no recipe for mtt-cifar10-ipc{ipc or 7};" in origin
    assert "not tuned" in origin


@pytest.mark.parametrize(
    ("rule", "name"), [("share:0.05", "ipcshare0.05"), ("{ape = 2, bee = 5}", "ipctable7"), ("3", "ipc3")]
)
def test_the_line_about_a_missing_recipe_names_the_ipc_that_is_used(
    shipped_recipes: None, rule: str, name: str
) -> None:
    flags = (f"method.ipc={rule}",)
    for method, used in (("mtt", "mtt-digits-ipc1's settings"), ("herding", "the defaults of herding")):
        _, origin = resolve(method=method, data="npz:uneven.npz", overrides=flags)
        assert origin.startswith(f"no recipe for {method}-npz:uneven.npz-{name}; using {used}, not tuned for it")
    assert resolve(method="mtt", overrides=flags)[1] == "recipe mtt-digits-ipc1"


def test_the_datas_own_recipe_of_another_size_comes_before_that_of_digits() -> None:
    found, origin = resolve(method="dm", data="fashion-mnist", ipc=20)
    wanted = "no recipe for dm-fashion-mnist-ipc20; using dm-fashion-mnist-ipc10's settings, not tuned for it"
    assert origin.startswith(wanted)
    assert (found.method.ipc, found.net.width) == (20, 16)


def test_without_any_recipe_the_methods_defaults_are_taken(shipped_recipes: None) -> None:
    found, origin = resolve(method="herding", ipc=2)
    assert (found.method.name, found.method.ipc, found.data.name) == ("herding", 2, "digits")
    assert "defaults of herding" in origin and "no recipe for herding-digits-ipc2" in origin


def test_experts_are_filled_in_where_the_method_needs_them_and_refused_where_it_reads_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for method, kind in (("mtt", "plain"), ("ftd", "flat")):
        path.write_text(RECIPE.format(method=method))
        assert resolve(recipe=path)[0].experts.name == kind
    path.write_text(RECIPE.format(method="herding"))
    assert resolve(recipe=path)[0].experts is None
    path.write_text(RECIPE.format(method="herding") + '[experts]\nname = "plain"\n')
    with pytest.raises(RecipeError, match="section 'experts': method 'herding' reads no experts; remove") as caught:
        resolve(recipe=path)
    assert "\n" not in str(caught.value)


def test_a_recipe_without_a_net_gets_the_fields(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[method]\nname = "random"\n')
    assert resolve(recipe=path)[0].net.name == "convnet"


@pytest.mark.parametrize(
    "flags, words",
    [
        ({"method": "fdt"}, "method 'fdt' is unknown; did you mean ftd"),
        ({"method": "mtt", "ipc": 0}, "'method.ipc': must be an integer of at least 1, got 0"),
        ({"recipe": "mtt-digits-ipc2"}, "no recipe of ddkit's; did you mean mtt-digits-ipc1"),
        ({"recipe": "/nowhere/x.toml"}, "is no readable file"),
        ({"overrides": ("net.name=convnett",), "method": "mtt"}, "'net.name': net 'convnett' is unknown; did you mean"),
    ],
)
def test_what_cannot_be_resolved_is_one_line(shipped_recipes: None, flags: dict, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(**flags)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [one.name for one in module.shipped_recipes() if one.method not in GRAPH_METHODS])
def test_every_shipped_recipe_parses_is_named_after_its_contents_and_round_trips(name: str) -> None:
    where, text = find_recipe(name)
    written = parse_recipe(read_toml(text, where), IMAGES, where)
    recipe, origin = resolve(recipe=name)
    assert recipe == with_defaults(written) and origin == f"recipe {name}"
    data = recipe.data.name.removeprefix("folder:")
    named = f"{recipe.method.name}-{data}-ipc{recipe.method.ipc}"
    assert name in (named, f"{named}-cpu")  # -cpu: smaller than the published one
    assert recipe.method.name in method_names()
    assert with_defaults(parse_recipe(read_toml(to_toml(recipe), where), IMAGES, where)) == recipe


@pytest.mark.parametrize(
    "method, kind, message",
    [("infer", "plain", "method 'infer' needs teachers"), ("mtt", "teacher", "method 'mtt' needs trajectories")],
)
def test_experts_of_the_wrong_sort_are_refused_before_anything_is_trained(method: str, kind: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        resolve(method=method, overrides=(f"experts.name={kind}",))
    assert "\n" not in str(caught.value)


def test_a_recipe_for_graphs_is_sent_to_where_graphs_are() -> None:
    with pytest.raises(RecipeError, match="'mirage' is for graphs, but this call needs a method for images"):
        resolve(recipe="mirage-digits-graphs")
    line = "data 'graphs-npz:a.npz' are graphs, but method 'dm' is for images; .* a method for graphs: mirage, "
    with pytest.raises(RecipeError, match=line):
        resolve(method="dm", data="graphs-npz:a.npz")
    for data in ("npz:a.npz", "cifar10"):
        with pytest.raises(RecipeError, match=f"data '{data}' are images, but method 'mirage' is for graphs"):
            resolve_graphs(Request(method="mirage", data=data))
