"""Cards: their code runs, and what makes a set again is accepted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from published_sets import FORMS

import ddkit
from ddkit.data.names import NAMED
from ddkit.graphs.names import GRAPHS
from ddkit.jobs import ready_made_card, resolved_toml
from ddkit.publish import FOLDER, licence_of
from ddkit.synth import GraphSet, SyntheticSet


def run_code(card: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that all code on a published card defines, run in the card's folder."""
    monkeypatch.chdir(card.parent)
    names: dict[str, Any] = {}
    blocks = [block.partition("```")[0] for block in card.read_text().split("```python\n")[1:]]
    assert len(blocks) == 3
    for block in blocks:
        exec(block.replace("PATH/TO/THIS/FOLDER", str(card.parent)), names)
    return names


@pytest.mark.parametrize("form", FORMS)
def test_the_code_on_a_published_card_loads_the_set(
    publish: Callable[[str], tuple[SyntheticSet, Path]], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic, folder = publish(form)
    names = run_code(folder / "README.md", monkeypatch)
    assert names["synthetic"] == synthetic and len(names["pictures"]) == len(synthetic)
    if synthetic.compact is None:
        np.testing.assert_array_equal(names["images"], synthetic.images)
        np.testing.assert_array_equal(names["labels"], synthetic.labels)
    else:
        np.testing.assert_array_equal(names["real"], synthetic.compact.real)
        np.testing.assert_array_equal(names["compensators"], synthetic.compact.compensators)


def test_the_code_on_a_card_of_graphs_loads_the_set(
    graphs: GraphSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ddkit.export(graphs, "hf", tmp_path / "graphs")
    names = run_code(folder / "README.md", monkeypatch)
    assert names["synthetic"] == graphs
    assert torch.equal(names["edges"], ddkit.as_pyg(graphs)[0].edge_index)
    np.testing.assert_array_equal(names["arrays"]["sample_support"], graphs.samples.support)


@pytest.mark.parametrize("name", sorted(ddkit.list_sets()))
def test_the_recipe_on_a_ready_made_sets_card_is_one_that_condense_accepts(name: str, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(ddkit.load(name).record.recipe)
    assert resolved_toml(recipe)
    assert recipe.read_text().strip() in ready_made_card(name)


@pytest.mark.parametrize("name", sorted(ddkit.list_sets()))
def test_a_ready_made_sets_card_has_its_facts_and_its_code_runs(name: str) -> None:
    text, synthetic = ready_made_card(name, "ddkit condense ..."), ddkit.load(name)
    assert text.startswith(f"# {name}\n") and f"({name}.png)" in text and synthetic.digest in text
    assert "- `ddkit condense ...`" in text
    for std in getattr(synthetic.facts, "std", None) or ():  # whitened sets and graphs have none
        assert repr(std) in text
    code = text.split("ddkit:\n\n```python\n")[1].split("```")[0]
    space: dict[str, object] = {}
    exec(code, space)
    assert space["synthetic"] == synthetic


IDENTIFIERS = {
    "digits": "cc-by-4.0",
    "digits-graphs": "cc-by-4.0",
    "mnist": "cc-by-sa-3.0",
    "fashion-mnist": "mit",
    "cifar10": "unknown",
    "cifar100": "unknown",
}
"""Of data whose licence the Hub names; that of the others is "other"."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('name = "npz:/home/me/a b/x.npz"', 'name = "npz:x.npz"'),
        ('nets = "file:/a/b.pt; file:/c/d.pt"', 'nets = "file:b.pt; file:d.pt"'),
        ("name = 'folder:C:\\\\data\\\\photos'", "name = 'folder:photos'"),
        ('name = "npz:data/x.npz"', 'name = "npz:data/x.npz"'),
        ('lr = 0.1  # see https://host/page"', 'lr = 0.1  # see https://host/page"'),
    ],
)
def test_folders_of_absolute_paths_are_left_out(text: str, shown: str) -> None:
    assert FOLDER.sub("", text) == shown


@pytest.mark.parametrize("name", [*NAMED, *GRAPHS])
def test_every_named_dataset_has_a_licence_and_an_identifier_of_the_hub(name: str) -> None:
    found = licence_of(name)
    assert found.declared and found.identifier == IDENTIFIERS.get(name, "other")


@pytest.mark.parametrize("name", ["npz:mnist.npz", "folder:photos", "tu:MUTAG", "elsewhere"])
def test_the_users_own_data_has_no_licence_that_ddkit_knows(name: str) -> None:
    assert not licence_of(name).declared and licence_of(name).identifier == "unknown"
