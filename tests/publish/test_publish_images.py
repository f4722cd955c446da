"""Published sets of images against the sets they were made from, read by `datasets`, h5py and ddkit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
import torch
import yaml
from listener import Listener
from published_sets import FORMS, made
from torch import nn

import ddkit
from ddkit.errors import DataError, UsageError
from ddkit.synth import SyntheticSet

Publish = Callable[[str], tuple[SyntheticSet, Path]]


def rows_of(folder: Path, tmp_path: Path, config: str = "default") -> Any:
    import datasets

    return datasets.load_dataset(str(folder), config, split="train", cache_dir=str(tmp_path / "cache"))


@pytest.mark.parametrize("form", FORMS)
def test_exact_rows_are_the_sets_to_the_bit(publish: Publish, tmp_path: Path, form: str) -> None:
    synthetic, folder = publish(form)
    rows = rows_of(folder, tmp_path, "exact").with_format("numpy")[:]
    assert rows["values"].dtype == np.float32
    assert np.array_equal(rows["values"].reshape(synthetic.images.shape), synthetic.images.numpy())
    assert np.array_equal(rows["label"], synthetic.labels.numpy())
    if synthetic.soft_labels is None:
        assert set(rows) == {"values", "label"}
    else:
        assert np.array_equal(rows["soft_label"], synthetic.soft_labels.numpy())


@pytest.mark.parametrize("form", FORMS)
def test_pictures_are_the_clipped_pixels_and_labels_have_names(publish: Publish, tmp_path: Path, form: str) -> None:
    synthetic, folder = publish(form)
    rows = rows_of(folder, tmp_path)
    assert rows.features["label"].names == list(synthetic.facts.classes)
    assert rows["label"][:] == synthetic.labels.tolist()
    raw = synthetic.raw_images.double().numpy().clip(0, 1)
    for picture, pixels in zip(rows["image"], raw, strict=True):
        assert picture.mode == ("L" if len(pixels) == 1 else "RGB")
        found = np.asarray(picture).reshape(*pixels.shape[1:], -1).transpose(2, 0, 1)
        np.testing.assert_allclose(found, 255 * pixels, atol=0.5 + 1e-3)


def test_logits_come_with_the_probabilities_that_a_plain_loss_takes(publish: Publish, tmp_path: Path) -> None:
    synthetic, folder = publish("logits")
    rows = rows_of(folder, tmp_path).with_format("numpy")[:]
    expected = scipy.special.softmax(rows["soft_label"].astype(np.float64) / synthetic.facts.temperature, axis=1)
    np.testing.assert_allclose(rows["probability"], expected, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_the_sets_file_lies_beside_it(publish: Publish, form: str) -> None:
    synthetic, folder = publish(form)
    assert ddkit.load(folder) == synthetic == ddkit.load(folder / "set.h5")


def test_what_datasets_gives_trains_to_the_same_accuracy(publish: Publish, tmp_path: Path) -> None:
    """A plain loop without ddkit, on the published rows and on the images that ddkit loads."""
    from sklearn.datasets import load_digits

    synthetic, folder = publish("plain")
    rows = rows_of(folder, tmp_path, "exact").with_format("torch")[:]
    pixels, truth = load_digits(return_X_y=True)
    mean, std = synthetic.facts.mean[0], synthetic.facts.std[0]
    test = ((torch.tensor(pixels).float() / 16 - mean) / std).reshape(-1, 1, 8, 8)

    def accuracy(images: torch.Tensor, labels: torch.Tensor) -> float:
        draw = torch.Generator().manual_seed(3)
        weight = (0.1 * torch.randn(16, 1, 3, 3, generator=draw)).requires_grad_()
        head = (0.1 * torch.randn(10, 16 * 16, generator=draw)).requires_grad_()

        def net(x: torch.Tensor) -> torch.Tensor:
            seen = nn.functional.avg_pool2d(nn.functional.conv2d(x, weight, padding=1).relu(), 2)
            return seen.flatten(1) @ head.T

        for _ in range(100):
            loss = nn.functional.cross_entropy(net(images), labels)
            steps = torch.autograd.grad(loss, (weight, head))
            with torch.no_grad():
                for part, step in zip((weight, head), steps, strict=True):
                    part -= 0.1 * step
        return float((net(test).argmax(1) == torch.tensor(truth)).float().mean())

    published = accuracy(rows["values"].reshape(-1, 1, 8, 8), rows["label"])
    assert published == accuracy(synthetic.images, synthetic.labels) > 0.6


@pytest.mark.parametrize("form", FORMS)
def test_the_front_matter_is_read_as_it_was_meant(publish: Publish, form: str) -> None:
    from huggingface_hub import metadata_load

    _, folder = publish(form)
    found = metadata_load(folder / "README.md")
    assert found["license"] == "cc-by-4.0" and found["task_categories"] == ["image-classification"]
    assert found["size_categories"] == ["n<1K"] and "dataset-distillation" in found["tags"]
    assert [config["config_name"] for config in found["configs"]] == ["default", "exact"]
    files = [folder / part["path"] for config in found["configs"] for part in config["data_files"]]
    assert all(file.is_file() for file in files)


@pytest.mark.filterwarnings("ignore:Glyph")  # the preview's font lacks some
def test_class_names_survive_yaml_json_and_parquet(tmp_path: Path) -> None:
    """Names that YAML reads as something else (no, 1e3, null), with quotes, a colon, a pipe and other alphabets."""
    import dataclasses

    names = ("no", "1e3", "null", 'a "quote"', "a: b", "x | y", "# c", "Ä 漢字 🙂", "-", "{}")
    plain = made("plain")
    synthetic = dataclasses.replace(plain, facts=dataclasses.replace(plain.facts, classes=names))
    folder = ddkit.export(synthetic, "hf", tmp_path / "named")
    assert rows_of(folder, tmp_path).features["label"].names == list(names)
    head = (folder / "README.md").read_text().split("---\n")[1]
    assert yaml.safe_load(head)["pretty_name"] == "digits-ftd-ipc1"


def test_equal_sets_give_equal_files(publish: Publish, tmp_path: Path) -> None:
    _, folder = publish("plain")
    again = ddkit.export("digits-ftd-ipc1", "hf", tmp_path / "again")
    files = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    assert files == sorted(file.relative_to(again) for file in again.rglob("*") if file.is_file())
    for file in files:
        assert (folder / file).read_bytes() == (again / file).read_bytes(), file


def test_what_the_pictures_lose_is_said_and_stands_on_the_card(tmp_path: Path) -> None:
    synthetic, listener = made("plain"), Listener()
    folder = ddkit.export(synthetic, "hf", tmp_path / "set", meter=listener)
    raw = synthetic.raw_images
    lost = int(((raw < -0.5 / 255) | (raw > 1 + 0.5 / 255)).sum())
    assert any(f"clip {lost} of 640 values" in line for line in listener.lines)
    assert f"{100 * lost / 640:.2g} % of the values are outside [0, 1]" in (folder / "README.md").read_text()


def test_folders_that_the_recipe_names_are_said_and_do_not_stand_on_the_card(tmp_path: Path) -> None:
    import dataclasses

    plain, listener = made("plain"), Listener()
    recipe = plain.record.recipe.replace('"digits"', '"npz:/home/me/secret place/photos.npz"')
    synthetic = dataclasses.replace(plain, record=dataclasses.replace(plain.record, recipe=recipe))
    folder = ddkit.export(synthetic, "hf", tmp_path / "set", meter=listener)
    card = (folder / "README.md").read_text()
    assert 'name = "npz:photos.npz"' in card and "secret" not in card + (folder / "croissant.json").read_text()
    assert any("names the folder '/home/me/secret place/'" in line for line in listener.lines)
    assert any("licence of digits is not declared" in line for line in listener.lines)
    assert 'license: "unknown"' in card


def test_a_folder_with_another_readme_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("my project")
    with pytest.raises(DataError, match=r"has a README.md of something else; name a folder for the set alone"):
        ddkit.export("digits-ftd-ipc1", "hf", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


def test_publishing_again_replaces_the_files(tmp_path: Path) -> None:
    folder = ddkit.export("digits-ftd-ipc10", "hf", tmp_path / "set")
    (folder / "notes.txt").write_text("mine")
    ddkit.export("digits-ftd-ipc1", "hf", folder)
    assert len(rows_of(folder, tmp_path)) == 10 and (folder / "notes.txt").read_text() == "mine"


def test_images_of_many_channels_are_one_line(tmp_path: Path) -> None:
    import dataclasses

    plain = made("plain")
    facts = dataclasses.replace(plain.facts, mean=(0.5,) * 5, std=(0.2,) * 5)
    synthetic = dataclasses.replace(plain, facts=facts, images=torch.zeros(10, 5, 4, 4))
    with pytest.raises(DataError, match="1 or 3 channels, not of 5"):
        ddkit.export(synthetic, "hf", tmp_path / "set")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", ["pyarrow", "huggingface_hub"])
def test_a_missing_package_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(DataError, match=r"run: pip install 'ddkit\[hf\]'") as caught:
        ddkit.export("digits-ftd-ipc1", "hf", tmp_path / "set", push="me/set" if module == "huggingface_hub" else None)
    assert caught.value.exit_code == 3 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"kind": "npz", "push": "a/b"}, {"kind": "hf", "private": True}])
def test_push_belongs_to_hf(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="push needs the kind hf, and private needs push"):
        ddkit.export("digits-ftd-ipc1", path=tmp_path / "set", **wrong)


def test_an_unknown_form_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'hff' is unknown; did you mean hf"):
        ddkit.export("digits-ftd-ipc1", "hff", tmp_path / "set")


def test_the_record_of_scores_is_the_cards_table(publish: Publish) -> None:
    synthetic, folder = publish("plain")
    card = (folder / "README.md").read_text()
    for row in json.loads(synthetic.record.scores)["scores"]:
        assert (
            f"| {row['name']} | {row['images']:,} | {100 * row['mean']:.1f} ± {100 * row['interval95']:.1f} |" in card
        )
    assert "reach 93.5 % test accuracy; with random real images of the same budget: 71.1 %" in card


@pytest.mark.parametrize(("scores", "said"), [("{}", "Not measured."), ('{"scores": [3]}', "format that this version")])
def test_a_card_states_no_score_that_the_set_does_not_record(tmp_path: Path, scores: str, said: str) -> None:
    import dataclasses

    plain = made("plain")
    synthetic = dataclasses.replace(plain, record=dataclasses.replace(plain.record, scores=scores))
    card = (ddkit.export(synthetic, "hf", tmp_path / "set") / "README.md").read_text()
    assert said in card and "test accuracy" not in card


def test_a_whitened_set_has_pictures_in_pixels_and_numbers_in_its_space(tmp_path: Path, home: Path) -> None:
    """The coreset's images are real: their pixels are whole numbers of sixteenths, which PNG keeps."""
    overrides = ("data.preprocess=zca",)
    made = ddkit.condense("random", data="digits", ipc=1, overrides=overrides, evaluate=False, out=tmp_path / "run")
    folder = ddkit.export(made.set, "hf", tmp_path / "set")
    rows = rows_of(folder, tmp_path, "exact").with_format("numpy")[:]
    assert np.array_equal(rows["values"].reshape(made.set.images.shape), made.set.images.numpy())
    sixteenths = np.stack([np.asarray(picture) for picture in rows_of(folder, tmp_path)["image"]]) / 255 * 16
    np.testing.assert_allclose(sixteenths, sixteenths.round(), atol=0.05)
    assert "whitened by ZCA" in (folder / "README.md").read_text()


def test_the_default_folder_is_not_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run"
    ddkit.export("digits-ftd-ipc1", "h5", run / "set.h5")
    assert ddkit.export("run", "hf") == Path("run-hf")
    assert [file.name for file in run.iterdir()] == ["set.h5"]
