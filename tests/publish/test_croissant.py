"""croissant.json against mlcroissant, the reference reader of the format."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from published_sets import FORMS

import ddkit
from ddkit.errors import with_causes
from ddkit.synth import GraphSet, SyntheticSet

Publish = Callable[[str], tuple[SyntheticSet, Path]]


@pytest.mark.parametrize("form", FORMS)
def test_it_validates_and_its_first_record_is_the_sets(publish: Publish, form: str) -> None:
    import mlcroissant

    synthetic, folder = publish(form)
    described = mlcroissant.Dataset(folder / "croissant.json")
    exact = next(iter(described.records("exact")))
    np.testing.assert_array_equal(np.ravel(exact["exact/values"]), synthetic.images[0].flatten().numpy())
    assert exact["exact/label"] == int(synthetic.labels[0])
    picture = next(iter(described.records("default")))["default/image"]
    assert picture.size == tuple(reversed(synthetic.images.shape[2:]))
    if synthetic.soft_labels is not None:
        np.testing.assert_array_equal(np.ravel(exact["exact/soft_label"]), synthetic.soft_labels[0].numpy())


def test_it_names_licence_papers_and_every_file_with_data(publish: Publish) -> None:
    import mlcroissant

    _, folder = publish("plain")
    found = mlcroissant.Dataset(folder / "croissant.json").metadata
    assert found.name == "digits-ftd-ipc1" and "CC BY 4.0" in str(found.license)
    assert "du2023minimizing" in found.cite_as
    files = {file.content_url for file in found.distribution}
    assert files == {"data/train-00000-of-00001.parquet", "exact/train-00000-of-00001.parquet", "set.h5"}


def test_a_changed_file_is_noticed(publish: Publish, tmp_path: Path) -> None:
    import mlcroissant

    _, folder = publish("plain")
    copy = shutil.copytree(folder, tmp_path / "copy")
    table = json.loads((copy / "croissant.json").read_text())
    table["distribution"][1]["sha256"] = "0" * 64
    (copy / "croissant.json").write_text(json.dumps(table))
    with pytest.raises(mlcroissant.GenerationError) as caught:
        next(iter(mlcroissant.Dataset(copy / "croissant.json").records("exact")))
    assert any("Hash" in str(error) for error in with_causes(caught.value))


def test_that_of_graphs_validates_and_yields_a_record(graphs: GraphSet, tmp_path: Path) -> None:
    import mlcroissant

    folder = ddkit.export(graphs, "hf", tmp_path / "graphs")
    assert "license" not in json.loads((folder / "croissant.json").read_text())  # that of own data is not known
    record = next(iter(mlcroissant.Dataset(folder / "croissant.json").records("default")))
    assert record["default/num_nodes"] == len(ddkit.as_pyg(graphs)[0].x)
