"""A folder of sixty pictures of every mode, size and orientation: refused with all named, read with two settings."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from mixed_pictures import CLASSES, COUNT, MODES, plant_mixed
from PIL import Image, ImageOps

import ddkit
from ddkit.data import load_images
from ddkit.data.conversion import Conversion
from ddkit.data.reading import Reading
from ddkit.errors import DataError
from ddkit.jobs.sets.real_data import load_task_of

BOTH = Reading(resize=8, mode="RGB")


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    plant_mixed(tmp_path / "zoo")
    return tmp_path / "zoo"


def test_all_are_named_with_the_settings_that_take_them(zoo: Path) -> None:
    with pytest.raises(DataError) as error:
        load_images(f"folder:{zoo}")
    line = str(error.value)
    assert re.search(r": 59 of 60 pictures cannot be used: .* and 49 more", line)
    assert len(re.findall(r"'(cat|dog|eel)/\d\d\.(png|tif)' (is|has)", line)) == 10
    assert re.search(r"set data.resize=(\d+) and data.mode=RGB, or convert", line) and "\n" not in line
    (zoo / "cat" / "broken.png").write_bytes(b"no picture")
    (zoo / "eel" / "moving.gif").write_bytes(b"")
    frames = [Image.new("RGB", (9, 9), (i, 0, 0)) for i in range(3)]
    frames[0].save(zoo / "eel" / "moving.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(
        DataError,
        match=r"53 of 62 .*; 9 of 62 are (L|RGB); set data.mode=RGB, or .*; repair or remove .*; save one of them",
    ):
        load_images(f"folder:{zoo}", Reading(resize=8))
    with pytest.raises(
        DataError,
        match=r"2 of 62 .*: 'cat/broken.png' is not a readable picture .*, 'eel/moving.gif' has 3 pictures; .*; save",
    ):
        load_images(f"folder:{zoo}", BOTH)


def test_one_setting_alone_asks_for_the_other(zoo: Path) -> None:
    with pytest.raises(DataError, match=r"set data.mode=RGB, or convert"):
        load_images(f"folder:{zoo}", Reading(resize=8))
    with pytest.raises(DataError, match=r"cat/\d\d.png' is \d+ x \d+, .*; set data.resize=9, or convert"):
        load_images(f"folder:{zoo}", Reading(mode="L"))


def test_two_settings_read_them_upright_in_one_size_and_mode(zoo: Path) -> None:
    data = load_images(f"folder:{zoo}", BOTH)
    assert data.shape == (3, 8, 8) and data.classes == CLASSES
    (note,) = data.notes
    assert note.startswith("converted 60 of 60 pictures: ")
    assert all(f"from {mode} " in note for mode in MODES if mode != "RGB") and "upright" in note
    slow = []
    for label, name in enumerate(CLASSES):
        for file in sorted((zoo / name).iterdir()):
            with Image.open(io.BytesIO(file.read_bytes())) as stored:
                made = Conversion(8, "RGB")(ImageOps.exif_transpose(stored))
            slow.append((label, np.asarray(made).transpose(2, 0, 1).tobytes()))
    found = [
        (int(label), image.numpy().tobytes())
        for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels))
        for image, label in zip(images, labels, strict=True)
    ]
    assert sorted(found) == sorted(slow) and len(found) == COUNT


def test_one_digest_through_every_door(zoo: Path, tmp_path: Path) -> None:
    """The same pictures as a folder, deeper, in parts, in a CSV file, in an archive and in Hugging Face's formats."""
    datasets = pytest.importorskip("datasets")
    files = sorted(file for file in zoo.rglob("*.*"))
    labels = [CLASSES.index(file.parent.name) for file in files]
    expected = load_images(f"folder:{zoo}", BOTH)
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer" / "zoo").symlink_to(zoo)
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label"])
        writer.writerows([f"zoo/{each.relative_to(zoo)}", each.parent.name] for each in files)
    features = datasets.Features(
        {"image": datasets.Image(decode=False), "label": datasets.ClassLabel(names=list(CLASSES))}
    )
    rows = {"image": [{"bytes": each.read_bytes(), "path": None} for each in files], "label": labels}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    (tmp_path / "hub").mkdir()
    dataset.to_parquet(str(tmp_path / "hub" / "train.parquet"))
    dataset.save_to_disk(str(tmp_path / "disk"))
    doors = ["outer", "labels.csv"]
    for spec in (*(f"folder:{tmp_path / name}" for name in doors), f"hf:{tmp_path / 'hub'}", f"hf:{tmp_path / 'disk'}"):
        assert load_images(spec, BOTH).digest == expected.digest, spec
    assert load_images(f"hf:{zoo}", BOTH).digest == expected.digest  # an imagefolder
    arrays = {
        f"{part}_{kind}": tensor.permute(0, 2, 3, 1).numpy() if kind == "images" else tensor.numpy()
        for part in ("train", "test")
        for kind in ("images", "labels")
        for tensor in [getattr(expected, f"{part}_{kind}")]
    }
    np.savez(tmp_path / "zoo.npz", **arrays, classes=np.array(CLASSES))
    for reading in (Reading(), BOTH):
        assert load_images(f"npz:{tmp_path / 'zoo.npz'}", reading).digest == expected.digest


def test_a_set_is_made_and_finds_its_settings_again(zoo: Path, tmp_path: Path, home: Path) -> None:
    settings = ("data.resize=8", "data.mode=RGB", 'data.classes=["eel", "cat"]', "method.iterations=2")
    ddkit.condense(
        method="dm", data=f"folder:{zoo}", ipc=1, out=tmp_path / "run", overrides=settings, evaluate=False, device="cpu"
    )
    made = ddkit.load(tmp_path / "run")
    assert made.facts.classes == ("eel", "cat") and made.images.shape == (2, 3, 8, 8)
    expected = load_images(f"folder:{zoo}", Reading(classes=("eel", "cat"), resize=8, mode="RGB"))
    assert made.facts.data_digest == expected.digest
    recipe = (tmp_path / "run" / "recipe.toml").read_text()
    assert 'classes = ["eel", "cat"]\nresize = 8\nmode = "RGB"\n' in recipe and "pixels" not in recipe
    assert load_task_of(made).real.data.digest == expected.digest
    assert json.loads(made.record.lineage)
