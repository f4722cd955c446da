"""Sets are equal by content, and no dataclass with tensors has the `==` that raises."""

import ast
import copy
import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from random_graphs import distil, random_graph_data

import ddkit
from ddkit.methods import graph_method
from ddkit.methods.mirage import MirageSettings
from ddkit.synth import Compensated, SyntheticSet, load, read_graph_set, write_graph_set

SOURCES = Path(ddkit.__file__).parent


def test_no_dataclass_with_tensors_has_the_equality_that_raises() -> None:
    wrong = []
    for file in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ClassDef):
                continue
            made = [ast.unparse(one) for one in node.decorator_list if "dataclass" in ast.unparse(one)]
            fields = [ast.unparse(one.annotation) for one in node.body if isinstance(one, ast.AnnAssign)]
            tensors = [one for one in fields if re.search(r"\b(Tensor|ndarray|Array|memmap)\b", one)]
            if made and tensors and "eq=False" not in made[0] and "Callable" not in tensors[0]:
                wrong.append(f"{file.name}: {node.name}")
    assert wrong == []


@pytest.fixture(scope="module", params=["images", "graphs"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """One set, read twice."""
    if request.param == "images":
        return load("digits-ftd-ipc1"), load("digits-ftd-ipc1")
    file = tmp_path_factory.mktemp("graphs") / "set.h5"
    made = distil(graph_method("mirage"), MirageSettings(ratio=0.5), random_graph_data(0, graphs=40), 0)
    write_graph_set(made, file)
    assert read_graph_set(file) == made
    return read_graph_set(file), read_graph_set(file)


def test_a_set_equals_itself_read_again(pair: tuple[Any, Any]) -> None:
    one, other = pair
    assert one is not other and one == other and not one != other
    assert one != "a set" and one != None  # noqa: E711
    facts = dataclasses.replace(one.facts, method="another")
    assert dataclasses.replace(one, facts=facts) != other


def test_one_number_tells_sets_apart(pair: tuple[Any, Any]) -> None:
    one, other = pair
    if isinstance(one, SyntheticSet):
        images = one.images.clone()
        images[-1, -1, -1, -1] += 1e-6
        assert dataclasses.replace(one, images=images) != other
    else:
        support = one.samples.support.copy()
        support[-1] += 1
        samples = dataclasses.replace(one.samples, support=support)
        assert samples != one.samples and dataclasses.replace(one, samples=samples) != other


def test_compact_forms_and_dtypes() -> None:
    real, added = torch.zeros(2, 1, 1, 4, 4, dtype=torch.uint8), torch.zeros(1, 1, 1, 4, 4, dtype=torch.float16)
    one = Compensated(real, added)
    assert one == copy.deepcopy(one) and one != Compensated(real, added, mirrored=True)
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
