"""hf: against the rows that were written, offline."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ddkit.data import load_images
from ddkit.data.reading import Reading
from ddkit.errors import DataError

datasets = pytest.importorskip("datasets")

RANDOM = np.random.default_rng(0)
NAMES = ["owl", "wren", "tit"]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "png")
    return file.getvalue()


def table(count: int, label: Any = None, values: list | None = None, **others: list) -> tuple[Any, np.ndarray, list]:
    """A dataset of `count` rows, its images and its labels."""
    images = RANDOM.integers(256, size=(count, 4, 5, 3), dtype=np.uint8)
    values = [i % 3 for i in range(count)] if values is None else values
    features = {"image": datasets.Image(decode=False), "label": label or datasets.ClassLabel(names=NAMES)}
    features |= {name: datasets.Value("string") for name in others}
    rows = {"image": [{"bytes": png(image), "path": None} for image in images], "label": values, **others}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features)), images, values


@pytest.mark.parametrize("form", ["parquet", "disk", "imagefolder", "arrow"])
def test_rows_come_out_as_they_went_in(tmp_path: Path, form: str, capfd: pytest.CaptureFixture[str]) -> None:
    made = {"train": table(12), "validation": table(6), "test": table(9)}
    splits = datasets.DatasetDict({name: each[0] for name, each in made.items()})
    root = tmp_path / "birds"
    if form == "disk":
        splits.save_to_disk(str(root))
    for name, (dataset, images, labels) in made.items():
        if form == "parquet":
            root.mkdir(exist_ok=True)
            dataset.to_parquet(str(root / f"{name}-00000-of-00001.parquet"))
        elif form == "imagefolder":
            for i, (image, label) in enumerate(zip(images, labels, strict=True)):
                (root / name / NAMES[label]).mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(root / name / NAMES[label] / f"{i:02}.png")
        elif form == "arrow":
            dataset.save_to_disk(str(tmp_path / "shards" / name))
            root.mkdir(exist_ok=True)
            (shard,) = (tmp_path / "shards" / name).glob("*.arrow")
            shard.rename(root / f"{name}.arrow")
    capfd.readouterr()
    data = load_images(f"hf:{root}")
    assert capfd.readouterr().err == ""  # no progress bars
    assert data.name == "birds" and data.origins == {"validation": "yours", "test": "yours"} and data.notes == ()
    assert set(data.classes) == set(NAMES)
    for name, (_, images, labels) in made.items():
        found = [
            (data.classes[label], image.permute(1, 2, 0).numpy().tobytes())
            for image, label in zip(getattr(data, f"{name}_images"), getattr(data, f"{name}_labels"), strict=True)
        ]
        rows = [(NAMES[label], image.tobytes()) for image, label in zip(images, labels, strict=True)]
        assert (sorted(found) == sorted(rows)) if form == "imagefolder" else (found == rows)


def test_validation_alone_is_the_test_part_and_other_splits_are_named(tmp_path: Path) -> None:
    splits = {name: table(6)[0] for name in ("train", "valid", "extra")}
    datasets.DatasetDict(splits).save_to_disk(str(tmp_path / "birds"))
    data = load_images(f"hf:{tmp_path / 'birds'}")
    assert data.origins == {"test": "yours"} and data.notes == ("splits that are not read: extra",)
    assert data.test_labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_columns_are_found_by_type_or_named(tmp_path: Path) -> None:
    texts, _, _ = table(6, datasets.Value("string"), ["b", "a", "c", "b", "a", "c"])
    texts.save_to_disk(str(tmp_path / "texts"))
    data = load_images(f"hf:{tmp_path / 'texts'}")
    assert data.classes == ("a", "b", "c")
    numbers, _, _ = table(6, datasets.Value("int64"), [7, 5, 11, 7, 5, 11])
    numbers.save_to_disk(str(tmp_path / "numbers"))
    data = load_images(f"hf:{tmp_path / 'numbers'}")
    assert data.classes == ("5", "7", "11")
    assert data.notes == ("the labels 5, 7, 11 are numbered from 0 to 2, and kept as names of the classes",)
    two, _, _ = table(6, datasets.Value("string"), ["b", "a", "c"] * 2, caption=["x", "y"] * 3)
    two = two.rename_columns({"image": "img", "label": "bird"})
    two.save_to_disk(str(tmp_path / "two"))
    with pytest.raises(
        DataError, match=r"2 columns may be the labels; set data.label_column to one of: 'bird' \(string\)"
    ):
        load_images(f"hf:{tmp_path / 'two'}")
    named = load_images(f"hf:{tmp_path / 'two'}", Reading(image_column="img", label_column="bird"))
    assert named.classes == ("a", "b", "c")
    assert named.notes == ("images from column 'img', labels from 'bird'; columns that are not read: caption",)
    for column, line in (("brid", "has no column 'brid'; did you mean bird"), ("img", "has no column 'img'")):
        with pytest.raises(DataError, match=line):
            load_images(f"hf:{tmp_path / 'two'}", Reading(label_column=column))


def test_rows_without_labels(tmp_path: Path) -> None:
    splits = datasets.DatasetDict({"train": table(12)[0], "test": table(6, values=[-1] * 6)[0]})
    splits.save_to_disk(str(tmp_path / "birds"))
    data = load_images(f"hf:{tmp_path / 'birds'}")
    assert data.notes == ("the test part has no labels, so it is not read",)
    assert data.origins == {"test": "cut from train"}
    table(6, values=[0, 1, 2, -1, 1, 2])[0].save_to_disk(str(tmp_path / "some"))
    with pytest.raises(DataError, match="row 3 of its train part has no label; remove such rows"):
        load_images(f"hf:{tmp_path / 'some'}")


def test_classes_are_chosen(tmp_path: Path) -> None:
    dataset, images, labels = table(12)
    datasets.DatasetDict({"train": dataset, "test": dataset}).save_to_disk(str(tmp_path / "birds"))
    data = load_images(f"hf:{tmp_path / 'birds'}", Reading(classes=("tit", "owl")))
    rows = [i for i, label in enumerate(labels) if label != 1]
    assert data.classes == ("tit", "owl") and data.train_labels.tolist() == [1 if labels[i] == 0 else 0 for i in rows]
    np.testing.assert_array_equal(data.train_images.permute(0, 2, 3, 1), images[rows])


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "train.parquet").write_bytes(b"PAR1 no table")
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "state.json").write_text("{")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "code.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    for name in ("empty", "broken", "disk", "code", "broken/train.parquet"):
        with pytest.raises(
            DataError, match=r"cannot be read by the library datasets \(.*\); check the folder"
        ) as error:
            load_images(f"hf:{tmp_path / name}")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(DataError, match=r"there is no folder '.*none'; check the path"):
        load_images(f"hf:{tmp_path / 'none'}")
    with pytest.raises(DataError, match=r"'hf:nobody/nothing': cannot be read .*; check the name and the network"):
        load_images("hf:nobody/nothing")
    (tmp_path / "note.txt").write_text("no table")
    with pytest.raises(DataError, match="is no parquet or arrow file; name one, or a folder"):
        load_images(f"hf:{tmp_path / 'note.txt'}")
    datasets.DatasetDict({"test": table(6)[0]}).save_to_disk(str(tmp_path / "test"))
    with pytest.raises(DataError, match="has no split train; there are: test"):
        load_images(f"hf:{tmp_path / 'test'}")
    holes = datasets.Dataset.from_dict(
        {"image": [{"bytes": b"no picture", "path": None}, None], "label": [0, 1]},
        features=datasets.Features(
            {"image": datasets.Image(decode=False), "label": datasets.ClassLabel(names=["a", "b"])}
        ),
    )
    holes.save_to_disk(str(tmp_path / "holes"))
    with pytest.raises(
        DataError, match=r"2 of 2 .*'train part, row 0' is not .*'train part, row 1' is not .* no picture"
    ):
        load_images(f"hf:{tmp_path / 'holes'}")


def test_a_named_column_of_another_type_is_one_line_and_booleans_may_be_labels(tmp_path: Path) -> None:
    dataset, images, labels = table(12, datasets.Value("bool"), [i % 2 == 0 for i in range(12)])
    dataset.add_column("weight", [1] * 12).to_parquet(str(tmp_path / "birds.parquet"))
    place = f"hf:{tmp_path / 'birds.parquet'}"
    with pytest.raises(DataError, match=r"key 'data.image_column': 'weight' holds no pictures \(.*; name another"):
        load_images(place, Reading(image_column="weight", label_column="label"))
    data = load_images(place, Reading(label_column="label"))
    assert data.classes == ("False", "True") and len(data.train_labels) + len(data.test_labels) == 12
    found = torch.cat([data.train_images, data.test_images]).permute(0, 2, 3, 1)
    classes = torch.cat([data.train_labels, data.test_labels]).tolist()
    for image, label in zip(found.numpy(), classes, strict=True):
        row = next(i for i in range(12) if np.array_equal(images[i], image))
        assert labels[row] == bool(label)


def test_one_of_several_configurations_is_read(tmp_path: Path) -> None:
    images = {}
    for name in ("a", "b"):
        rows, images[name], _ = table(15)
        rows.to_parquet(str(tmp_path / f"{name}.parquet"))
    files = "".join(f"- config_name: {name}\n  data_files: {name}.parquet\n" for name in ("a", "b"))
    for default in ("", "  default: true\n"):
        (tmp_path / "README.md").write_text(f"---\nconfigs:\n{files}{default}---\n")
        for name in ("a", "b"):
            data = load_images(f"hf:{tmp_path}", Reading(config=name))
            read = torch.cat([data.train_images, data.test_images]).permute(0, 2, 3, 1)
            assert sorted(map(bytes, read.numpy())) == sorted(map(bytes, images[name]))
            assert not any("configuration" in note for note in data.notes)
    unnamed = load_images(f"hf:{tmp_path}")  # b is the default now
    assert unnamed.digest == data.digest
    assert unnamed.notes[0] == "configuration 'b' is read, and not: a (data.config chooses one)"
    (tmp_path / "README.md").unlink()
    with pytest.raises(DataError, match="the dataset has no configuration 'a'; there are: default"):
        load_images(f"hf:{tmp_path}", Reading(config="a"))


@pytest.mark.parametrize("text", ["./none", "../none", "~/none", "./deep/none"])
def test_a_path_is_no_name_on_the_hub(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataError, match=r"there is no folder '.*none'; check the path"):
        load_images(f"hf:{text}")
    (tmp_path / "here" / "zoo").mkdir()
    table(15)[0].to_parquet(str(tmp_path / "here" / "zoo" / "train.parquet"))
    assert load_images("hf:./zoo").digest == load_images("hf:zoo").digest


def test_several_configurations_and_damaged_files_are_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        table(6)[0].to_parquet(str(tmp_path / f"{name}.parquet"))
    files = "".join(f"- config_name: {name}\n  data_files: {name}.parquet\n" for name in ("a", "b"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{files}---\n")
    where = f"dataset 'hf:{tmp_path}', key 'data.config': the dataset has "
    with pytest.raises(DataError, match=re.escape(f"{where}several configurations; set it to one of: a, b")):
        load_images(f"hf:{tmp_path}")
    with pytest.raises(DataError, match=re.escape(f"{where}no configuration 'c'; there are: a, b")):
        load_images(f"hf:{tmp_path}", Reading(config="c"))
    with pytest.raises(DataError, match=r"key 'data.config': a file, or a folder of save_to_disk, has none"):
        load_images(f"hf:{tmp_path / 'a.parquet'}", Reading(config="a"))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no table")
    capfd.readouterr()
    with pytest.raises(DataError, match="cannot be read by the library datasets"):
        load_images(f"hf:{tmp_path / 'c.parquet'}")
    assert capfd.readouterr().err == ""
