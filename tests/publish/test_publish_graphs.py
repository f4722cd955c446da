"""A published set of graphs against PyG's objects of the same set."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from listener import Listener

import ddkit
from ddkit.synth import GraphSet


def test_rows_are_pygs_objects(graphs: GraphSet, tmp_path: Path) -> None:
    import datasets

    folder = ddkit.export(graphs, "hf", tmp_path / "graphs")
    rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.features["y"].names == list(graphs.facts.classes)
    expected = ddkit.as_pyg(graphs)
    assert len(rows) == len(expected) == len(graphs) > 1
    for row, data in zip(rows, expected, strict=True):
        for name, own in {"edge_index": "edge_index", "node_feat": "x", "edge_attr": "edge_attr"}.items():
            np.testing.assert_array_equal(np.array(row[name]).reshape(data[own].shape), data[own])
        assert row["degree"] == data.degree.tolist() and row["root"] == data.root.tolist()
        assert row["y"] == int(data.label) and row["support"] == float(data.support)
        assert row["num_nodes"] == data.num_nodes
        np.testing.assert_allclose(row["soft_label"], data.soft_label[0], atol=1e-7)


def test_the_sets_files_lie_beside_it(graphs: GraphSet, tmp_path: Path) -> None:
    from huggingface_hub import metadata_load

    folder = ddkit.export(graphs, "hf", tmp_path / "graphs")
    assert ddkit.load(folder) == graphs
    with np.load(folder / "set.npz") as arrays:
        np.testing.assert_array_equal(arrays["sample_support"], graphs.samples.support)
    head = metadata_load(folder / "README.md")
    assert head["task_categories"] == ["graph-ml"] and (folder / "preview.png").stat().st_size > 1000
    assert "gupta2024mirage" in (folder / "README.md").read_text()


def test_trees_too_large_for_a_table_are_published_without_one(
    graphs: GraphSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import metadata_load

    monkeypatch.setattr("ddkit.synth.graph_export.MAX_TOTAL_EDGES", 1)
    listener = Listener()
    folder = ddkit.export(graphs, "hf", tmp_path / "graphs", meter=listener)
    assert not list(folder.rglob("*.parquet")) and (folder / "set.npz").exists()
    assert any("no parquet file is written" in line for line in listener.lines)
    assert metadata_load(folder / "README.md")["viewer"] is False
    assert "There is no table" in (folder / "README.md").read_text()


def test_hard_labels_have_no_column_of_probabilities(graphs: GraphSet, tmp_path: Path) -> None:
    import datasets

    hard = dataclasses.replace(graphs, samples=dataclasses.replace(graphs.samples, soft=None))
    folder = ddkit.export(hard, "hf", tmp_path / "graphs")
    rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert "soft_label" not in rows.column_names and rows["y"][:] == hard.samples.label.tolist()
