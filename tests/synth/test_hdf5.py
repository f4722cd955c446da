"""The file against the set it was written from, against plain h5py and Hugging Face `datasets`, and against damage."""

import dataclasses
import errno
import json
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hostile_files import edited

from ddkit.errors import DataError
from ddkit.synth import Record, SyntheticSet, read_set, write_set

MakeSet = Callable[..., SyntheticSet]


def assert_equal(one: SyntheticSet, other: SyntheticSet) -> None:
    assert torch.equal(one.images, other.images) and one.images.dtype == other.images.dtype
    assert torch.equal(one.labels, other.labels) and one.labels.dtype == other.labels.dtype
    assert (one.soft_labels is None) == (other.soft_labels is None)
    if one.soft_labels is not None:
        assert torch.equal(one.soft_labels, other.soft_labels)
    assert one.facts == other.facts and one.record == other.record
    types = [{name: type(value) for name, value in dataclasses.asdict(s.facts).items()} for s in (one, other)]
    assert types[0] == types[1]  # equal numbers of NumPy would break JSON exports later


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"soft": True},
        {"space": "zca", "mean": None, "std": None},
        {"lr": None},
        {"ipc": 1, "shape": (1, 8, 8), "augment": "", "evaluation_flip": 0.0},
        {"classes": 2, "dataset": "Wörter/☃", "lr": 1e-30},
    ],
)
def test_what_is_read_is_what_was_written(make_set: MakeSet, tmp_path: Path, changes: dict) -> None:
    synthetic = make_set(**changes)
    write_set(synthetic, tmp_path / "deep" / "set.h5")
    assert_equal(read_set(tmp_path / "deep" / "set.h5"), synthetic)
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["set.h5"]  # no temporary file is left


def test_equal_sets_give_equal_bytes_whenever_and_wherever_they_are_written(make_set: MakeSet, tmp_path: Path) -> None:
    write_set(make_set(soft=True), tmp_path / "one.h5")
    time.sleep(1.1)  # HDF5 would keep times in whole seconds
    write_set(make_set(soft=True), tmp_path / "another name.h5")
    one = (tmp_path / "one.h5").read_bytes()
    assert one == (tmp_path / "another name.h5").read_bytes()
    write_set(make_set(soft=True, lr=0.5), tmp_path / "one.h5")
    assert (tmp_path / "one.h5").read_bytes() != one


def test_long_texts_survive(make_set: MakeSet, tmp_path: Path) -> None:
    """HDF5 limits some kinds of attribute to 64 KiB."""
    environment, scores = (json.dumps({"long": "e" * size}) for size in (70_000, 2_000_000))
    long = Record(recipe="# é\n" * 50_000, environment=environment, lineage='{"a": 1}', scores=scores)
    synthetic = make_set(record=long, classes=3000, ipc=1, shape=(1, 1, 1))
    many = dataclasses.replace(synthetic.facts, classes=tuple(f"a class with a long name, {c}" for c in range(3000)))
    synthetic = dataclasses.replace(synthetic, facts=many)
    assert len(json.dumps(many.classes)) > 2**16
    write_set(synthetic, tmp_path / "set.h5")
    assert_equal(read_set(tmp_path / "set.h5"), synthetic)


def test_a_reader_needs_h5py_alone(make_set: MakeSet, tmp_path: Path) -> None:
    synthetic = make_set(soft=True)
    write_set(synthetic, tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5") as file:
        tables = {name: item for name, item in file.items() if isinstance(item, h5py.Dataset)}
        assert set(tables) == {"image", "label", "soft_label"} and set(file) - set(tables) == {"ddkit"}
        assert {len(table) for table in tables.values()} == {len(synthetic)}
        assert list(file["ddkit"]) == []  # attributes only
        np.testing.assert_array_equal(file["image"][:], synthetic.images.numpy())
        np.testing.assert_array_equal(file["label"][:], synthetic.labels.numpy())
        np.testing.assert_array_equal(file["soft_label"][:], synthetic.soft_labels.numpy())
        assert (file["image"].dtype, file["label"].dtype) == (np.float32, np.int64)
        assert json.loads(file.attrs["classes"]) == list(synthetic.facts.classes)
        np.testing.assert_array_equal(file.attrs["mean"], synthetic.facts.mean)
        assert (file.attrs["ipc"], file.attrs["lr"], file.attrs["space"]) == (2, 0.0123, "normalised")
        assert file["ddkit"].attrs["recipe"] == synthetic.record.recipe
    write_set(make_set(space="zca", lr=None, mean=None, std=None), tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5") as file:
        assert set(file) == {"image", "label", "ddkit"} and not {"lr", "mean", "std"} & set(file.attrs)


@pytest.mark.parametrize("soft", [False, True])
def test_hugging_face_datasets_reads_it(
    make_set: MakeSet, tmp_path: Path, soft: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets")
    synthetic = make_set(soft=soft)
    write_set(synthetic, tmp_path / "set.h5")
    table = datasets.load_dataset(
        "hdf5", data_files=str(tmp_path / "set.h5"), cache_dir=str(tmp_path / "cache"), split="train"
    ).with_format("numpy")
    assert set(table.column_names) == ({"image", "label", "soft_label"} if soft else {"image", "label"})
    np.testing.assert_array_equal(np.stack(list(table["image"])), synthetic.images.numpy())
    np.testing.assert_array_equal(np.asarray(table["label"]), synthetic.labels.numpy())
    if soft:
        np.testing.assert_array_equal(np.stack(list(table["soft_label"])), synthetic.soft_labels.numpy())


def _refused(path: Path, *words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_set(path)
    line = str(caught.value)
    assert "\n" not in line and str(path) in line
    assert all(word in line for word in words), line


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    _refused(tmp_path / "set.h5", "no such file")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_one_line(make_set: MakeSet, tmp_path: Path, share: float) -> None:
    path = tmp_path / "set.h5"
    write_set(make_set(), path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    _refused(path)


def test_other_files_are_one_line_and_no_pickle_is_run(tmp_path: Path) -> None:
    path, trap = tmp_path / "set.h5", tmp_path / "trap"

    class Trap:
        def __reduce__(self) -> tuple:
            return trap.touch, ()

    path.write_bytes(pickle.dumps(Trap()))
    _refused(path, "not an HDF5 file")
    assert not trap.exists()
    path.write_text("seed = 0\n")
    _refused(path, "not an HDF5 file")
    with h5py.File(path, "w") as file:
        file["image"] = np.zeros(3)
    _refused(path, "has format None, not 'ddkit-set/2'")
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "ddkit-set/3"
    _refused(path, "ddkit-set/3", "ddkit-set/2")


def _drop_fact(file: h5py.File) -> None:
    del file.attrs["ipc"]


def _drop_images(file: h5py.File) -> None:
    del file["image"]


def _drop_record(file: h5py.File) -> None:
    del file["ddkit"]


def _group_of_images(file: h5py.File) -> None:
    del file["image"]
    file.create_group("image")


def _flat_images(file: h5py.File) -> None:
    del file["image"]
    file["image"] = np.zeros((6, 5), np.float32)


def _texts_of_images(file: h5py.File) -> None:
    del file["image"]
    file["image"] = ["a"] * 6


def _float_labels(file: h5py.File) -> None:
    del file["label"]
    file["label"] = np.zeros(6, np.float32)


def _fewer_labels(file: h5py.File) -> None:
    del file["label"]
    file["label"] = np.zeros(5, np.int64)


def _fewer_soft_labels(file: h5py.File) -> None:
    del file["soft_label"]
    file["soft_label"] = np.zeros((5, 3), np.float32)


def _narrow_soft_labels(file: h5py.File) -> None:
    del file["soft_label"]
    file["soft_label"] = np.zeros((6, 2), np.float32)


def _outlandish_label(file: h5py.File) -> None:
    file["label"][0] = 17


def _classes_are_no_json(file: h5py.File) -> None:
    file.attrs["classes"] = "[1"


def _a_soft_label_that_is_lost(file: h5py.File) -> None:
    file["soft_label"][0, 0] = np.nan


def _a_pixel_that_is_lost(file: h5py.File) -> None:
    file["image"][0, 0, 0, 0] = np.inf


def _a_temperature_below_zero(file: h5py.File) -> None:
    file.attrs["temperature"] = -5.0


def _a_temperature_of_no_labels(file: h5py.File) -> None:
    del file["soft_label"]
    file.attrs["temperature"] = 30.0


@pytest.mark.parametrize(
    "spoil",
    [
        _a_soft_label_that_is_lost,
        _a_pixel_that_is_lost,
        _a_temperature_below_zero,
        _a_temperature_of_no_labels,
        _drop_fact,
        _drop_images,
        _drop_record,
        _group_of_images,
        _flat_images,
        _texts_of_images,
        _float_labels,
        _fewer_labels,
        _fewer_soft_labels,
        _narrow_soft_labels,
        _outlandish_label,
        _classes_are_no_json,
    ],
)
def test_a_set_whose_parts_are_wrong_is_one_line(
    make_set: MakeSet, tmp_path: Path, spoil: Callable[[h5py.File], None]
) -> None:
    path = tmp_path / "set.h5"
    write_set(make_set(soft=True), path)
    with edited(path) as file:
        spoil(file)
    _refused(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.h5"
    write_set(make_set(), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="disk is full"):
        write_set(make_set(lr=0.5), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
