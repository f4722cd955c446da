"""The cards of the ready-made sets."""

import pytest

import ddkit
from ddkit.data.names import NAMED
from ddkit.graphs.names import GRAPHS
from ddkit.jobs import ready_made_card
from ddkit.publish import licence_of


@pytest.mark.parametrize("name", sorted(ddkit.list_sets()))
def test_a_ready_made_sets_card_has_its_facts_and_its_code_runs(name: str) -> None:
    text, synthetic = ready_made_card(name), ddkit.load(name)
    assert text.startswith(f"# {name}\n") and f"({name}.png)" in text and synthetic.digest in text
    for std in synthetic.facts.std:
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


@pytest.mark.parametrize("name", [*NAMED, *GRAPHS])
def test_every_named_dataset_has_a_licence_and_an_identifier_of_the_hub(name: str) -> None:
    found = licence_of(name)
    assert found.declared and found.identifier == IDENTIFIERS.get(name, "other")


@pytest.mark.parametrize("name", ["npz:mnist.npz", "folder:photos", "tu:MUTAG", "elsewhere"])
def test_the_users_own_data_has_no_licence_that_ddkit_knows(name: str) -> None:
    assert not licence_of(name).declared and licence_of(name).identifier == "unknown"
