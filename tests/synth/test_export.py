"""Exports against the set they were made from."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy
import torch
from listener import Listener
from PIL import Image

from ddkit.data import load_images
from ddkit.errors import DataError, UsageError
from ddkit.synth import EXPORTERS, SyntheticSet, export

MakeSet = Callable[..., SyntheticSet]


@pytest.mark.parametrize("soft", [False, True])
def test_npz_and_pt_hold_the_rows_and_the_facts(make_set: MakeSet, tmp_path: Path, soft: bool) -> None:
    synthetic = make_set(soft=soft)
    raw = synthetic.raw_images
    npz = export(synthetic, raw, "npz", tmp_path / "deep" / "set.npz")
    pt = export(synthetic, raw, "pt", tmp_path / "deep" / "set.pt")
    with np.load(npz, allow_pickle=False) as archive:
        from_npz = {name: archive[name] for name in archive.files}
    from_pt = torch.load(pt, weights_only=True)
    rows = {"image": synthetic.images, "raw": raw, "label": synthetic.labels}
    rows |= {"soft_label": synthetic.soft_labels} if soft else {}
    assert set(from_npz) == set(from_pt) == {*rows, "facts"}
    for name, tensor in rows.items():
        assert torch.equal(torch.from_numpy(from_npz[name]), tensor) and torch.equal(from_pt[name], tensor)
    facts = json.loads(from_pt["facts"])
    assert facts == json.loads(str(from_npz["facts"]))
    assert facts["classes"] == list(synthetic.facts.classes) and facts["lr"] == synthetic.facts.lr
    assert sorted(file.name for file in npz.parent.iterdir()) == ["set.npz", "set.pt"]


@pytest.mark.parametrize("kind", ["npz", "pt"])
def test_equal_sets_give_equal_archives(make_set: MakeSet, tmp_path: Path, kind: str) -> None:
    files = [export(make_set(), make_set().raw_images, kind, tmp_path / name) for name in ("one", "another")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_raw_images_undo_the_normalisation(make_set: MakeSet) -> None:
    synthetic = make_set()
    mean, std = (np.array(values)[:, None, None] for values in (synthetic.facts.mean, synthetic.facts.std))
    np.testing.assert_allclose(synthetic.raw_images, synthetic.images.double().numpy() * std + mean, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_png_pixels_are_the_clipped_raw_images(make_set: MakeSet, tmp_path: Path, channels: int) -> None:
    synthetic = make_set(shape=(channels, 5, 4), mean=(0.5,) * channels, std=(0.4,) * channels)
    raw = synthetic.raw_images.double().numpy()
    assert raw.min() < 0 and raw.max() > 1
    folder = export(synthetic, synthetic.raw_images, "png", tmp_path / "set")
    places = [folder / f"{c:04d}-class {c}" / f"{i:04d}.png" for c in range(3) for i in range(2)]
    assert sorted(folder.rglob("*.png")) == places
    for place, pixels in zip(places, raw, strict=True):
        with Image.open(place) as picture:
            assert picture.mode == ("L" if channels == 1 else "RGB")
            found = np.asarray(picture).reshape(5, 4, channels).transpose(2, 0, 1)
        np.testing.assert_allclose(found, 255 * pixels.clip(0, 1), atol=0.5 + 1e-3)


def test_png_says_how_many_values_it_clips_and_by_how_much(make_set: MakeSet, tmp_path: Path) -> None:
    """Rounding to bytes takes half a step anywhere: what lies within half a step of the range is not clipped."""
    synthetic, listener = make_set(shape=(1, 5, 4)), Listener()
    raw = torch.full((6, 1, 5, 4), 0.5)
    raw[0, 0, 0, :4] = torch.tensor([-0.25, 1.5, 1 + 0.4 / 255, -0.4 / 255])
    folder = export(synthetic, raw, "png", tmp_path / "set", meter=listener)
    assert len(listener.lines) == 1 and listener.lines[0].startswith("png: clipped 2 of 120 values")
    assert "by at most 0.5 of that range" in listener.lines[0]
    assert json.loads((folder / "facts.json").read_text())["clipped"] == {"values": 2, "of": 120, "farthest": 0.5}
    listener.lines.clear()
    inside = export(synthetic, raw.clamp(0, 1), "png", tmp_path / "inside", meter=listener)
    export(synthetic, raw, "npz", tmp_path / "set.npz", meter=listener)
    assert not listener.lines and "clipped" not in json.loads((inside / "facts.json").read_text())


def test_logits_are_exported_beside_what_a_plain_loss_takes(make_set: MakeSet, tmp_path: Path) -> None:
    soft = make_set(soft=True)
    synthetic = dataclasses.replace(soft, facts=dataclasses.replace(soft.facts, temperature=8.0))
    assert synthetic.soft_labels is not None
    with np.load(export(synthetic, synthetic.raw_images, "npz", tmp_path / "set.npz")) as archive:
        np.testing.assert_array_equal(archive["soft_label"], synthetic.soft_labels)
        expected = scipy.special.softmax(archive["soft_label"].astype(np.float64) / 8, axis=1)
        np.testing.assert_allclose(archive["probability"], expected, atol=1e-6)


@pytest.mark.parametrize("wrong", ["nan", "shape", "bytes"])
def test_pixels_that_are_not_the_sets_are_one_line(make_set: MakeSet, tmp_path: Path, wrong: str) -> None:
    synthetic = make_set()
    raw = {
        "nan": synthetic.raw_images * torch.nan,
        "shape": synthetic.raw_images[:5],
        "bytes": synthetic.raw_images.byte(),
    }[wrong]
    for kind in EXPORTERS:
        with pytest.raises(DataError, match="raw must be finite floats"):
            export(synthetic, raw, kind, tmp_path / "set")
    assert not list(tmp_path.iterdir())


def test_png_of_many_channels_is_one_line(make_set: MakeSet, tmp_path: Path) -> None:
    synthetic = make_set(shape=(5, 4, 4))
    with pytest.raises(DataError, match="1 or 3 channels, not of 5; use npz or pt"):
        export(synthetic, synthetic.raw_images, "png", tmp_path / "set")


def test_the_png_folder_is_a_dataset_with_the_same_order_of_classes(make_set: MakeSet, tmp_path: Path) -> None:
    """Also where the classes do not come by name, there are more than ten, and a name holds a slash."""
    names = ("zebra", "T-shirt/top", *(f"class {c}" for c in range(12, 2, -1)))
    synthetic = make_set(classes=12, ipc=5, shape=(3, 6, 6), mean=(0.5,) * 3, std=(0.1,) * 3)
    grey = synthetic.labels.float() / 11  # the pixels determine the class
    raw = grey[:, None, None, None].expand(-1, 3, 6, 6)
    facts = type(synthetic.facts)(**{**vars(synthetic.facts), "classes": names})
    synthetic = SyntheticSet(images=synthetic.images, labels=synthetic.labels, facts=facts)
    folder = export(synthetic, raw, "png", tmp_path / "set")
    images = load_images(f"folder:{folder}")
    assert [name.partition("-")[2] for name in images.classes] == [name.replace("/", "_") for name in names]
    for part, labels in ((images.train_images, images.train_labels), (images.test_images, images.test_labels)):
        assert torch.equal((part[:, 0, 0, 0].float() / 255 * 11).round().long(), labels)
    assert len(images.train_labels) + len(images.test_labels) == len(synthetic)
    assert json.loads((folder / "facts.json").read_text())["classes"] == list(names)


def test_an_unknown_kind_names_the_known_ones(make_set: MakeSet, tmp_path: Path) -> None:
    synthetic = make_set()
    with pytest.raises(UsageError, match="'pgn' is unknown; did you mean png") as caught:
        export(synthetic, synthetic.raw_images, "pgn", tmp_path / "set")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())
    assert set(EXPORTERS) == {"npz", "png", "pt", "h5"}
