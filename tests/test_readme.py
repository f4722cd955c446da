"""The README's promises that a test can hold it to."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from ddkit.synth import list_sets, load

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)\n```\n<!-- end -->", README, re.DOTALL)
    assert found, f"README has no block '{name}'"
    return found.group(1)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 130


def test_the_two_commands() -> None:
    assert "ddkit condense --method ftd" in block("main command")
    assert "pytest" in block("test command")


def test_every_dependency_has_a_lower_bound_that_ci_resolves() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    every = project["dependencies"] + [one for extra in extras for one in extra]
    assert [one for one in every if not re.fullmatch(r"[\w-]+(\[\w+\])?>=[\d.]+", one)] == []


@pytest.mark.parametrize("name", ["digits-ftd-ipc1", "digits-ftd-ipc10"])
def test_ready_made_sets_and_their_cards(name: str) -> None:
    assert name in list_sets()
    synthetic = load(name)
    ipc = int(name.removeprefix("digits-ftd-ipc"))
    assert synthetic.labels.bincount().tolist() == [ipc] * 10
    card = (ROOT / "synth_sets" / f"{name}.md").read_text()
    scores = json.loads(synthetic.record.scores)["scores"]
    assert [score["name"] for score in scores] == ["ftd", "random-real", "herding", "kmeans", "whole"]
    for score in scores:
        assert f"{100 * score['mean']:.1f} ± {100 * score['interval95']:.1f}" in card
    # The recipe that ships is the one the set was made by.
    made_by = tomllib.loads(synthetic.record.recipe)
    shipped = tomllib.loads((ROOT / "recipes" / f"ftd-{synthetic.facts.dataset}-ipc{ipc}.toml").read_text())
    for section, values in shipped.items():
        assert values == made_by[section] if section == "seed" else values.items() <= made_by[section].items()
