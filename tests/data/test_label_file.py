from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddkit.data import load_images
from ddkit.data.reading import Reading
from ddkit.errors import DataError


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for i in range(12):
        Image.fromarray(random.integers(256, size=(4, 5, 3), dtype=np.uint8)).save(tmp_path / "images" / f"{i}.png")
    return tmp_path


def write(zoo: Path, head: str, lines: list[str], name: str = "labels.csv") -> Path:
    (zoo / name).write_text("\n".join([head, *lines]) + "\n")
    return zoo / name


PARTS = ["train"] * 6 + ["Valid"] * 3 + ["test"] * 3


def test_files_labels_and_splits_are_read(zoo: Path) -> None:
    lines = [f"images/{i}.png,{'abc'[i % 3]},{part}" for i, part in enumerate(PARTS)]
    path = write(zoo, "file,label,split", lines)
    data = load_images(f"folder:{path}")
    assert data.classes == ("a", "b", "c") and data.name == zoo.name
    assert data.origins == {"validation": "yours", "test": "yours"}
    for part, rows in (("train", range(6)), ("validation", range(6, 9)), ("test", range(9, 12))):
        images = getattr(data, f"{part}_images").permute(0, 2, 3, 1).numpy()
        expected = [np.asarray(Image.open(zoo / "images" / f"{i}.png")) for i in rows]
        np.testing.assert_array_equal(images, expected)
        assert getattr(data, f"{part}_labels").tolist() == [i % 3 for i in rows]
    assert data.notes == ("labels from 'labels.csv': train, validation, test",)
    again = load_images(f"folder:{zoo}")  # its only folder has no folders, so the file is found
    assert again.digest == data.digest
    swapped = [f"{part},{line.rsplit(',', 1)[0]}" for part, line in zip(PARTS, lines, strict=True)]
    named = write(zoo, "Split, File_Name, Class", swapped, "other.CSV")
    assert load_images(f"folder:{named}").digest == data.digest
    two = load_images(f"folder:{path}", Reading(classes=("c", "a")))
    assert two.classes == ("c", "a") and two.train_labels.tolist() == [1, 0, 1, 0]


def test_validation_without_test_is_the_test_part_and_numbers_are_names(zoo: Path) -> None:
    labels = (10, 9, -2)
    lines = [f"images/{i}.png,{labels[i % 3]},{'train' if i < 9 else 'val'}" for i in range(12)]
    data = load_images(f"folder:{write(zoo, 'file,label,split', lines)}")
    assert data.classes == ("-2", "9", "10") and data.test_labels.tolist() == [2, 1, 0]
    assert data.origins == {"test": "yours"}
    assert data.notes[1] == "the labels -2, 9, 10 are numbered from 0 to 2, and kept as names of the classes"


def test_class_folders_are_preferred_and_other_files_are_named(zoo: Path) -> None:
    lines = [f"images/{i}.png,{i % 2}" for i in range(10)]
    path = write(zoo, "file,label", lines)
    assert load_images(f"folder:{path}").notes[-1] == (
        "not read, because 'labels.csv' does not name them: images/10.png, images/11.png"
    )
    for name in ("cat", "dog"):
        (zoo / "split" / name).mkdir(parents=True)
        for i in range(3):
            Image.new("L", (2, 2), i).save(zoo / "split" / name / f"{i}.png")
    write(zoo / "split", "file,label", ["cat/0.png,x", "dog/0.png,y"])
    (zoo / "split" / "README.txt").write_text("zoo")
    data = load_images(f"folder:{zoo / 'split'}")
    assert data.classes == ("cat", "dog") and data.notes == ("not read in 'split': README.txt, labels.csv",)


@pytest.mark.parametrize(
    ("head", "lines", "line"),
    [
        ("file,label,weight", ["images/0.png,a,1"], "has a column 'weight', which ddkit does not read; .*leave it out"),
        ("file,lable", ["images/0.png,a"], "has a column 'lable', which ddkit does not read; did you mean label"),
        ("file,split", ["images/0.png,train"], "has no column 'label'; its first line must be file,label"),
        ("file,label,class", ["images/0.png,a,b"], "has the column 'label' twice"),
        ("file,label", ["images/0.png"], r"line 2: has 1 cells, but there are 2 columns"),
        ("file,label", ["images/0.png,a", "", "images/1.png,"], r"line 4: its 'label' is empty"),
        ("file,label,split", ["images/0.png,a,holdout"], "line 2: split 'holdout' is not the name of a part"),
        ("file,label,split", ["images/0.png,a,test"], "names no training picture"),
        ("file,label", ["images/0.png,a", "images/0.png,b"], "names 'images/0.png' twice"),
        ("file,label", ["none.png,a", "/no/where.png,b"], "names 2 files not in its folder: none.png, /no/wh"),
        (
            "file,label,split",
            ["images/0.png,a,train", "images/1.png,b,test"],
            "label 'b' in the test part, which train",
        ),
        ("file,label", [], "names no picture"),
        ("file,label", ['"images/0.png,a'], "is not a CSV file"),
        ("", [], "begins with ''"),
        (
            ",file,label",
            ["0,images/0.png,a"],
            "has a column '', which ddkit does not read; pandas writes none",
        ),
        ("file;label", ["images/0.png;a"], "begins with 'file;label', but its first line must be file,label"),
        ("images/0.png,a", ["images/1.png,b"], "begins with 'images/0.png,a', but its first line"),
        ("file,label", ["images/0.png,a", "images/../images/0.png,b"], "names 'images/../images/0.png' twice"),
        ("file,label", ["images/0.png,a", "images/\0.png,b"], r"names 'images/\\x00.png', which is not reachable"),
        ("file,label", ["images,a"], "names 'images', which is a folder"),
    ],
)
def test_what_is_wrong_is_one_line(zoo: Path, head: str, lines: list[str], line: str) -> None:
    with pytest.raises(DataError, match=line) as error:
        load_images(f"folder:{write(zoo, head, lines)}")
    assert "\n" not in str(error.value) and "labels.csv" in str(error.value)


def test_a_quoted_first_line_with_a_byte_order_mark_is_found(zoo: Path) -> None:
    plain = load_images(f"folder:{write(zoo, 'file,label', [f'images/{i}.png,{i % 2}' for i in range(12)])}")
    write(zoo, '\ufeff"file","label"', [f'"images/{i}.png","{i % 2}"' for i in range(12)])
    assert load_images(f"folder:{zoo}").digest == plain.digest


def test_labels_of_folders_of_parts_without_class_folders_are_found(zoo: Path) -> None:
    for i, part in enumerate(PARTS):
        folder = zoo / part
        folder.mkdir(exist_ok=True)
        (zoo / "images" / f"{i}.png").rename(folder / f"{i}.png")
    (zoo / "images").rmdir()
    write(zoo, "file,label,split", [f"{part}/{i}.png,{i % 3},{part}" for i, part in enumerate(PARTS)])
    assert [len(load_images(f"folder:{zoo}").tensors[f"{part}_labels"]) for part in ("train", "test")] == [6, 3]


@pytest.mark.parametrize(
    ("head", "other"), [("file;label", "labels.csv"), ("0.png,a", "labels.csv"), ("file,label", "a.csv")]
)
def test_a_folder_without_class_folders_names_its_csv_file(zoo: Path, head: str, other: str) -> None:
    write(zoo, head, ["images/0.png,a"])
    write(zoo, head, ["images/0.png,a"], other)
    line = f"; or, if '{other}' has the labels, write folder:.*{other}$"
    with pytest.raises(DataError, match=f"has one class folder only, 'images'; add others{line}"):
        load_images(f"folder:{zoo}")
    (zoo / "images" / "0.png").rename(zoo / "0.png")
    with pytest.raises(DataError, match=f"0.png' is beside folders.*{line}"):
        load_images(f"folder:{zoo}")
