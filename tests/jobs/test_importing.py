"""Sets of others come in with their pixels and labels, in the space that they are in; files that lie are refused."""

import hashlib
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import release_files as files
import torch
from listener import Listener

import ddkit
from ddkit.cli.main import run
from ddkit.data import ZCA, load_images
from ddkit.errors import DataError, DDKitError, UsageError
from ddkit.evaluation import PAPERS, Training
from ddkit.jobs.sets import load_task_of
from ddkit.releases import unpacked

TINY = "mlp(depth=1, width=8)"


@pytest.fixture
def toy(tmp_path: Path) -> str:
    return files.write_data(tmp_path)


def built(layout: str, tmp_path: Path) -> files.Built:
    folder = tmp_path / "release"
    folder.mkdir()
    return files.LAYOUTS[layout](folder)


@pytest.mark.parametrize("layout", files.LAYOUTS)
def test_every_layout_gives_its_pixels_and_labels(toy: str, tmp_path: Path, layout: str) -> None:
    release = built(layout, tmp_path)
    made = ddkit.import_set(release.path, data=toy, net=TINY, **release.options)
    assert made.labels.tolist() == release.labels.tolist() and made.facts.classes == files.CLASSES
    if release.in_pixels:
        assert torch.allclose(made.raw_images, release.images, atol=1e-6)
        assert made.facts.mean == load_task_of(made).real.preprocess.mean  # the fit of the data
    else:
        assert torch.equal(made.images, release.images)  # not a bit is changed
        assert (made.facts.mean, made.facts.std) == (files.MEAN, files.STD)
    assert made.facts.lr == pytest.approx(release.lr)
    if release.soft is None:
        assert made.soft_labels is None
    else:
        assert made.probabilities is not None and torch.allclose(made.probabilities, release.soft, atol=1e-6)
    file = ddkit.save(made, tmp_path / "set.h5")
    assert ddkit.load(file) == made and load_task_of(made).real.data.digest == made.facts.data_digest


def test_the_lineage_says_where_everything_comes_from(toy: str, tmp_path: Path) -> None:
    release, meter = built("dc", tmp_path), Listener()
    made = ddkit.import_set(release.path, data=toy, meter=meter, **release.options)
    lineage = json.loads(made.record.lineage)["release"]
    assert lineage["files"] == {release.path.name: hashlib.sha256(release.path.read_bytes()).hexdigest()}
    assert lineage["entry"] == "1 of 0 to 1" and lineage["space known"] == "by the values of the images"
    assert (lineage["mean"], lineage["normalised by"]) == (list(files.MEAN), "constants given")
    assert lineage["stored accuracies"] == {"ConvNet": {"mean": 0.6, "n": 2}}
    assert meter.lines == lineage["notes"] and str(tmp_path) not in made.record.lineage
    assert any("set 1 of 0 to 1 was read (the last one; --entry chooses another)" in line for line in meter.lines)
    assert made.facts.method == "dm" and "flip" in made.facts.augment  # by the file's name, and as DM trains


@pytest.mark.parametrize("wrong", [float("nan"), 60.0, -0.5])
def test_accuracies_that_are_no_fractions_are_left_out_with_a_line(toy: str, tmp_path: Path, wrong: float) -> None:
    images, meter = files.normalised(files.pixels()), Listener()
    torch.save({"data": [[images, files.LABELS]], "accs_all_exps": {"ConvNet": [0.5, wrong]}}, tmp_path / "set.pt")
    made = ddkit.import_set(
        tmp_path / "set.pt", data=toy, meter=meter, method="dm", space="normalised", **files.CONSTANTS
    )
    assert "stored accuracies" not in json.loads(made.record.lineage)["release"]
    assert any("not read: 'accs_all_exps', whose numbers are not all fractions" in line for line in meter.lines)


def test_class_names_that_only_a_readme_has_are_refused(toy: str, tmp_path: Path) -> None:
    """`datasets` obeys README.md; without its names, labels would be taken in the data's order."""
    import pyarrow.parquet as parquet

    release = built("parquet", tmp_path)
    (file,) = release.path.glob("data/*.parquet")
    parquet.write_table(parquet.read_table(file).replace_schema_metadata(None), file)
    (release.path / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - dtype: {class_label: {names: {}}}\n---\n"
    )
    assert "only its README.md names the classes" in refused(release.path, toy, **release.options)
    (release.path / "README.md").write_text("# Pictures\n")
    assert ddkit.import_set(release.path, data=toy, **release.options)


def test_packed_images_stay_packed_and_are_seen_as_the_authors_code_sees_them(toy: str, tmp_path: Path) -> None:
    images, labels = files.pixels(), torch.tensor([3, 0, 1, 2, 2, 1, 0, 3])
    torch.save([images, labels], tmp_path / "data.pt")
    made = ddkit.import_set(tmp_path / "data.pt", data=toy, net=TINY, factor=2, ipc=2)
    assert (made.facts.ipc, made.facts.formation, made.facts.title) == (2, 2, "imported+2x2")
    assert made.stored_bytes() == {"packed images": 4 * images.numel()} and len(made) == 32
    theirs, classes = unpacked(images, labels, 2)  # class by class, and there tile by tile
    order = torch.arange(32).view(4, 4, 2).transpose(1, 2).flatten()
    assert made.labels.equal(classes[order]) and torch.allclose(made.raw_images, theirs[order], atol=1e-6)
    odd = ddkit.import_set(tmp_path / "data.pt", data=toy, net=TINY, factor=3)  # 8 pixels are padded to 9
    theirs, classes = unpacked(images, labels, 3)
    assert (odd.facts.ipc, odd.facts.formation, odd.compact) == (18, None, None)
    assert odd.labels.equal(classes) and torch.allclose(odd.raw_images, theirs, atol=1e-6)
    for ipc in (8, 2):
        assert ddkit.import_set(tmp_path / "data.pt", data=toy, net=TINY, factor=2, ipc=ipc) == made
    line = refused(tmp_path / "data.pt", toy, net=TINY, factor=2, ipc=3)
    assert "--ipc: the release has 2 images a class, of 4 small ones each, got 3; leave --ipc out" in line


def test_the_assumed_order_of_flat_rows_is_said(toy: str, tmp_path: Path) -> None:
    images = files.normalised(files.pixels())
    for array, rows in ((images.flatten(1), True), (images, False)):
        np.savez(tmp_path / "set.npz", image=array.numpy(), label=files.LABELS.numpy())
        meter = Listener()
        made = ddkit.import_set(tmp_path / "set.npz", data=toy, net=TINY, meter=meter, **files.CONSTANTS)
        said = [line for line in meter.lines if "row of 192 numbers, taken as 3x8x8 in the order channels" in line]
        assert len(said) == rows and said == [note for note in meter.lines if "row of" in note]
        assert made.images.equal(images)


def test_an_entry_is_chosen(toy: str, tmp_path: Path) -> None:
    release = built("dc", tmp_path)
    made = ddkit.import_set(release.path, data=toy, entry=0, **release.options)
    assert torch.equal(made.images, files.normalised(files.pixels("first")))


def test_labels_that_have_no_file_are_class_by_class(toy: str, tmp_path: Path) -> None:
    release = built("mtt", tmp_path)
    images = release.path / "images_500.pt"
    with pytest.raises(UsageError, match=r"there is no file of labels 'labels_500.pt'.*--labels"):
        ddkit.import_set(images, data=toy, **release.options)
    blocks = ddkit.import_set(images, data=toy, labels="blocks", **release.options)
    named = ddkit.import_set(images, data=toy, labels=release.path / "labels_best.pt", **release.options)
    assert blocks.labels.tolist() == named.labels.tolist() == files.LABELS.tolist()


def test_whitened_images_are_whitened_as_the_data_is(toy: str, tmp_path: Path) -> None:
    """MTT fits its whitening on all training images; ours is fitted on those that are not held out."""
    data = load_images(toy)
    white = ZCA.fit(data.train_images).forward(files.pixels())
    torch.save(white, tmp_path / "images_best.pt")
    torch.save(files.LABELS, tmp_path / "labels_best.pt")
    made = ddkit.import_set(tmp_path / "images_best.pt", data=toy, space="zca", net=TINY)
    assert torch.equal(made.images, white) and made.facts.space == "zca"
    assert made.facts.preprocess_digest == ZCA.fit(data.train_images).digest
    assert torch.allclose(ddkit.raw_images(made), files.pixels(), atol=1e-5)


def test_images_to_look_at_are_no_images_to_train_on(toy: str, tmp_path: Path) -> None:
    """`images_zca_N.pt` are pixels after the inverse whitening; labels lie under the name without zca."""
    torch.save(files.pixels(), tmp_path / "images_zca_5.pt")
    torch.save(files.LABELS, tmp_path / "labels_5.pt")
    meter = Listener()
    made = ddkit.import_set(tmp_path / "images_zca_5.pt", data=toy, meter=meter)
    assert torch.allclose(made.raw_images, files.pixels(), atol=1e-6)
    assert any("'images_5.pt' has the images to train on" in line for line in meter.lines)


def test_a_published_folder_has_the_facts_of_its_set(toy: str, tmp_path: Path) -> None:
    release = built("exact_parquet", tmp_path)
    made = ddkit.import_set(release.path, data=toy, net=TINY, method="datm", lr=0.03, **release.options)
    ddkit.save(made, release.path / "set.h5")
    again = ddkit.import_set(release.path, data=toy)
    assert again.facts == made.facts and torch.equal(again.images, made.images)
    published = ddkit.export(again, "hf", tmp_path / "published")
    card = (published / "README.md").read_text()
    assert "Others made and released this set" in card and "ddkit condense" not in card
    assert hashlib.sha256((release.path / "set.h5").read_bytes()).hexdigest() not in card  # the tables were read
    assert json.loads(again.record.lineage)["release"]["files"]["train-00000-of-00001.parquet"] in card
    back = ddkit.import_set(published, data=toy)
    assert back.facts == made.facts and torch.equal(back.images, made.images)
    assert back.soft_labels is not None and torch.equal(back.soft_labels, release.soft)  # type: ignore[arg-type]
    plain = ddkit.import_set(published / "data" / "train-00000-of-00001.parquet", data=toy, net=TINY)
    assert float((plain.raw_images - made.raw_images.clamp(0, 1)).abs().max()) <= 0.5 / 255 + 1e-6


def test_exports_of_ddkit_come_back(home: Path, toy: str, tmp_path: Path) -> None:
    release = built("datm", tmp_path)
    made = ddkit.import_set(release.path, data=toy, net=TINY, method="datm", **release.options)
    back = ddkit.import_set(ddkit.export(made, "npz", tmp_path / "set.npz"), data=toy)
    assert back.facts == made.facts and torch.equal(back.images, made.images) and back.soft_labels is not None
    assert torch.equal(back.soft_labels, release.soft)  # type: ignore[arg-type]
    pictures = ddkit.import_set(ddkit.export(made, "png", tmp_path / "pictures"), data=toy)
    assert (pictures.facts.mean, pictures.facts.space) == (made.facts.mean, "normalised")
    assert float((pictures.raw_images - made.raw_images.clamp(0, 1)).abs().max()) <= 0.5 / 255 + 1e-6


UNEVEN = torch.tensor([3, 0, 0, 1, 0, 2, 2])  # not class by class, and 7 images are no multiple of 4 classes


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("kind", ["npz", "pt", "png", "hf"])
def test_exports_of_uneven_sets_come_back(toy: str, tmp_path: Path, kind: str, soft: bool) -> None:
    images, own = files.normalised(files.pixels()[:7]), {}
    if soft:
        own["soft_label"] = (5.0 * torch.nn.functional.one_hot(UNEVEN.flip(0), 4)).softmax(1).numpy()
    np.savez(tmp_path / "plain.npz", image=images.numpy(), label=UNEVEN.numpy(), **own)
    made = ddkit.import_set(tmp_path / "plain.npz", data=toy, net=TINY, **files.CONSTANTS)
    assert (made.facts.ipc, made.facts.counts, made.facts.images_a_class) == (None, (3, 1, 2, 1), "1 to 3")
    assert made.labels.equal(UNEVEN) and made.images.equal(images) and (made.soft_labels is not None) == soft
    back = ddkit.import_set(ddkit.export(made, kind, tmp_path / f"set.{kind}"), data=toy)
    assert back.facts == made.facts
    if kind == "png":  # bytes, class by class
        order = UNEVEN.argsort(stable=True)
        assert back.labels.equal(UNEVEN[order])
        assert float((back.raw_images - made.raw_images[order]).abs().max()) <= 0.5 / 255 + 1e-6
    else:
        assert back.images.equal(images) and back.labels.equal(UNEVEN)
        assert (made.soft_labels is None) == (back.soft_labels is None)
        assert made.soft_labels is None or torch.equal(made.soft_labels, back.soft_labels)  # type: ignore[arg-type]
    ddkit.save(back, tmp_path / "again.h5")
    assert ddkit.load(tmp_path / "again.h5") == back


def test_uneven_classes_in_layouts_whose_sets_are_even_are_refused(toy: str, tmp_path: Path) -> None:
    images = files.normalised(files.pixels()[:7])
    torch.save({"data": [[images, UNEVEN]], "accs_all_exps": {}}, tmp_path / "dc.pt")
    torch.save([files.pixels()[:7], UNEVEN], tmp_path / "pair.pt")
    torch.save(images, tmp_path / "images_best.pt")
    torch.save(UNEVEN, tmp_path / "labels_best.pt")
    for name, options in (("dc", files.CONSTANTS), ("pair", {"factor": 1}), ("images_best", files.CONSTANTS)):
        line = refused(tmp_path / f"{name}.pt", toy, **options)
        assert "have between 1 and 3 images, and sets in this layout have equally many a class" in line
    np.savez(tmp_path / "soft.npz", image=images.numpy(), label=torch.nn.functional.one_hot(UNEVEN, 4).float().numpy())
    assert "7 images are not equally many for each of 4 classes" in refused(tmp_path / "soft.npz", toy)
    np.savez(tmp_path / "hard.npz", image=images.numpy(), label=UNEVEN.numpy())
    line = refused(tmp_path / "hard.npz", toy, ipc=2, **files.CONSTANTS)
    assert "--ipc: the release has 1 to 3 images a class, got 2; leave --ipc out" in line


@pytest.mark.parametrize("kind", ["npz", "pt"])
def test_the_export_of_packed_images_comes_back_whole_and_this_is_said(toy: str, tmp_path: Path, kind: str) -> None:
    torch.save([files.pixels(), files.LABELS], tmp_path / "data.pt")
    made = ddkit.import_set(tmp_path / "data.pt", data=toy, net=TINY, factor=2)
    meter = Listener()
    back = ddkit.import_set(ddkit.export(made, kind, tmp_path / f"set.{kind}"), data=toy, meter=meter)
    assert back.images.equal(made.images) and back.facts.formation is None and len(back) == sum(back.facts.each)
    said = [line for line in meter.lines if line.startswith("unpacked: the exported set stored 2 x 2 of these images")]
    assert len(said) == 1 and "in 4 times the bytes" in said[0]
    assert sum(back.stored_bytes().values()) == 4 * sum(made.stored_bytes().values())


def test_an_export_without_tensors_is_refused(toy: str, tmp_path: Path) -> None:
    torch.save({"image": [1], "label": files.LABELS, "facts": "{}"}, tmp_path / "set.pt")
    assert "'image' must be a tensor, got list" in refused(tmp_path / "set.pt", toy)


@pytest.mark.parametrize("protocol", ["honest", "paper-dc", "paper"])
def test_an_imported_set_is_evaluated(home: Path, toy: str, tmp_path: Path, protocol: str) -> None:
    release = built("dc", tmp_path)
    made = ddkit.import_set(release.path, data=toy, net=TINY, method="dm", augment="", **release.options)
    quick = ("evaluate.steps=20", "evaluate.epochs=1", "evaluate.whole=false") if protocol == "honest" else ()
    found = ddkit.evaluate(made, protocol=protocol, nets=2, overrides=quick, device="cpu", baselines=False)
    assert found.protocol == ("paper-dm" if protocol == "paper" else protocol)
    assert [score.samples for score in found.scores] == [8]


def test_a_check_compares_with_random_images(
    home: Path, toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real images with their classes are as good as random ones, and with turned classes they are not."""
    monkeypatch.setattr("ddkit.jobs.imports.check.SHORT", Training(steps=60, batch=64))
    real = load_images(toy)
    rows = torch.cat([(real.train_labels == label).nonzero().flatten()[:2] for label in range(4)])
    said = {}
    for turn in (0, 2):
        np.savez(tmp_path / f"{turn}.npz", image=real.train_images[rows].numpy(), label=(files.LABELS + turn) % 4)
        meter = Listener()
        ddkit.import_set(tmp_path / f"{turn}.npz", data=toy, net=TINY, check=True, device="cpu", meter=meter)
        said[turn] = [line for line in meter.lines if line.startswith("check:")]
        pattern = r"check: [\d.]+ % on validation .* 60 steps of 3 networks; random .* [\d.]+ %"
        assert re.fullmatch(pattern, said[turn][0])
    assert len(said[2]) == 2 and "the set is not better than random images; its space" in said[2][1]


# Files that lie


def refused(path: Path, data: str, **options: Any) -> str:
    """The line of a refusal, which names the release."""
    with pytest.raises(DDKitError) as error:
        ddkit.import_set(path, data=data, **options)
    assert isinstance(error.value, UsageError | DataError) and "\n" not in str(error.value)
    return str(error.value)


def test_a_wrong_space_is_noticed(toy: str, tmp_path: Path) -> None:
    normal, raw = built("mtt", tmp_path), tmp_path / "raw.npz"
    np.savez(raw, image=files.pixels().numpy(), label=files.LABELS.numpy())
    line = refused(raw, toy, space="normalised", **files.CONSTANTS)
    assert "its space is normalised (given), but the values are those of raw images: images 0.00 to 1.00" in line
    assert "mean 0.50, std 0.29; the data" in line and line.endswith(
        "write --space raw, or add --force to keep normalised"
    )
    line = refused(normal.path, toy, space="raw")
    assert "its space is raw (given), but the values are those of normalised images" in line
    assert "those of normalised images" in refused(normal.path, toy, space="zca")
    forced = ddkit.import_set(raw, data=toy, space="normalised", force=True, **files.CONSTANTS)
    assert torch.equal(forced.images, files.pixels())


def test_pixels_of_0_to_255_as_floats_are_not_normalised_images(toy: str, tmp_path: Path) -> None:
    bytes_ = (255 * files.pixels()).round()
    np.savez(tmp_path / "whole.npz", image=bytes_.numpy(), label=files.LABELS.numpy())
    made = ddkit.import_set(tmp_path / "whole.npz", data=toy)
    assert torch.allclose(made.raw_images, bytes_ / 255, atol=1e-6)
    np.savez(tmp_path / "means.npz", image=(255 * files.pixels()).numpy(), label=files.LABELS.numpy())
    for space in (None, "raw", "normalised"):
        line = refused(tmp_path / "means.npz", toy, space=space, **files.CONSTANTS)
        assert "floats as pixels of 0 to 255" in line and line.endswith("divide them by 255, or save them as uint8")


def test_bytes_are_pixels_whatever_is_forced(toy: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "bytes.npz", image=(255 * files.pixels()).byte().numpy(), label=files.LABELS.numpy())
    for force in (False, True):
        line = refused(tmp_path / "bytes.npz", toy, space="zca", force=force)
        assert line.endswith("its images are bytes, which are pixels, not zca; write --space raw")


def test_an_image_has_no_more_small_ones_than_pixels(toy: str, tmp_path: Path) -> None:
    release = built("idc", tmp_path)
    assert "an image of 8 pixels has no 9 small ones in a row" in refused(release.path, toy, factor=9)


def test_the_facts_of_an_export_name_its_data(toy: str, tmp_path: Path) -> None:
    made = ddkit.import_set(built("idc", tmp_path).path, data=toy, factor=1, net=TINY)
    exported, other = ddkit.export(made, "npz", tmp_path / "set.npz"), files.write_data(tmp_path, "other")
    assert "its facts say data 'toy', but --data is 'other'" in refused(exported, other)
    notes = json.loads(ddkit.import_set(exported, data=other, force=True).record.lineage)["release"]["notes"]
    assert f"the facts in the file are of data 'toy' with another digest, {made.facts.data_digest}" in notes


def test_pictures_of_one_name_have_a_digest_each(toy: str, tmp_path: Path) -> None:
    release = built("pictures", tmp_path)
    for file in sorted(release.path.glob("*/*.png"))[::2]:
        file.unlink()
    for folder in release.path.iterdir():
        next(folder.iterdir()).rename(folder / "0.png")
    made = ddkit.import_set(release.path, data=toy, net=TINY)
    digests = json.loads(made.record.lineage)["release"]["files"]
    assert digests == {
        f"{name}/0.png": hashlib.sha256((release.path / name / "0.png").read_bytes()).hexdigest()
        for name in ("Ape", "Bee", "cat", "dog")
    }


def test_nested_rows_of_parquet_keep_their_axes(toy: str, tmp_path: Path) -> None:
    import pyarrow
    from pyarrow.parquet import write_table

    images = files.normalised(files.pixels())
    file = tmp_path / "nested.parquet"
    for same in (images, images.permute(0, 2, 3, 1), images.flatten(1)):
        write_table(pyarrow.table({"values": same.tolist(), "label": files.LABELS.tolist()}), file)
        assert torch.equal(ddkit.import_set(file, data=toy, net=TINY, **files.CONSTANTS).images, images)
    uneven = [[0.5] * (192 + (-1) ** i) for i in range(8)]
    write_table(pyarrow.table({"values": uneven, "label": files.LABELS.tolist()}), file)
    assert "must have as many numbers in every row" in refused(file, toy)


def test_values_near_a_bound_are_asked_about(toy: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "beyond.npz", image=(2 * files.pixels() - 0.5).numpy(), label=files.LABELS.numpy())
    assert "do not show the space of its images" in refused(tmp_path / "beyond.npz", toy)
    beyond = ddkit.import_set(tmp_path / "beyond.npz", data=toy, space="raw")  # IDC's code does not clamp
    assert torch.allclose(beyond.raw_images, 2 * files.pixels() - 0.5, atol=1e-6)
    known = json.loads(beyond.record.lineage)["release"]["space known"]
    assert known == "given, though the values do not show it (--check scores the set)"
    white = 0.26 * torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    white -= white.mean((1, 2, 3), keepdim=True)
    np.savez(tmp_path / "white.npz", image=white.numpy(), label=files.LABELS.numpy())
    assert "look whitened" in refused(tmp_path / "white.npz", toy) and "give --space zca if" in refused(
        tmp_path / "white.npz", toy
    )
    np.savez(tmp_path / "frepo.npz", image=(1.8 * white).numpy(), label=files.LABELS.numpy())
    assert "as FRePo or KIP do it, which is no preprocessing of ddkit" in refused(tmp_path / "frepo.npz", toy)


def test_other_images_and_classes_are_refused(toy: str, tmp_path: Path) -> None:
    release = built("mtt", tmp_path)
    line = refused(release.path, "digits", **release.options)
    assert "its images are 3x8x8, but those of the data are 1x8x8" in line and "--data" in line
    ten = files.write_data(tmp_path, "ten", classes=10)
    assert "has images of 4 of the data's 10 classes (labels 0 to 3)" in refused(release.path, ten, **release.options)
    torch.save(files.LABELS + 1, release.path / "labels_best.pt")
    assert "has labels 1 to 4, but the data has 4 classes" in refused(release.path, toy, **release.options)
    torch.save(torch.rand(8, 5), release.path / "labels_best.pt")
    assert "soft labels are [8, 5], but the data has 4 classes" in refused(release.path, toy, **release.options)
    torch.save(files.LABELS[:7], release.path / "labels_best.pt")
    assert "has 8 images but 7 labels" in refused(release.path, toy, **release.options)


def test_the_name_of_the_file_is_believed(tmp_path: Path) -> None:
    cifar = files.write_data(tmp_path, "cifar10", classes=10)
    images, labels = torch.randn(10, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(10)
    file = tmp_path / "res_DC_SVHN_ConvNet_1ipc.pt"
    torch.save({"data": [[images, labels]], "accs_all_exps": {}}, file)
    assert "its name says data SVHN, but --data is 'cifar10'" in refused(file, cifar)
    svhn = file.rename(tmp_path / "res_DC_CIFAR10_ConvNet_1ipc.pt")
    assert "its name says method DC, but --method is dm" in refused(svhn, cifar, method="dm")
    made = ddkit.import_set(svhn, data=cifar, method="dm", force=True, ipc=1)
    assert made.facts.method == "dm" and made.facts.mean == (0.4914, 0.4822, 0.4465)  # the constants of DC's code
    assert "--ipc: the release has 1 image a class, got 10" in refused(svhn, cifar, ipc=10)


def test_constants_are_asked_for_where_no_code_has_any(toy: str, tmp_path: Path) -> None:
    release = built("mtt", tmp_path)
    assert "give the authors' constants by --mean and --std" in refused(release.path, toy)
    assert "--mean and --std: one is missing" in refused(release.path, toy, mean=files.MEAN)
    assert "has 2 numbers, but the images have 3 channels" in refused(release.path, toy, mean=(0.5, 0.5), std=(1, 1))
    assert "give --factor 2" in refused(files.idc(tmp_path).path, toy)


class Code:
    """A pickle of this runs a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_a_pickle_with_code_is_not_run(toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"data": [[torch.zeros(8, 3, 8, 8), files.LABELS]], "accs_all_exps": Code()}, tmp_path / "code.pt")
    assert "its pickle needs 'print', and ddkit runs no code of a file" in refused(tmp_path / "code.pt", toy)
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Code()))
    assert "ddkit runs no code of a file" in refused(tmp_path / "plain.pkl", toy)
    np.savez(tmp_path / "code.npz", image=np.array([Code()], dtype=object), label=np.zeros(1))
    assert "pickled objects, which are never read" in refused(tmp_path / "code.npz", toy)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("layout", ["dc", "npz", "parquet", "numbered_pictures"])
@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
def test_a_truncated_file_is_refused(toy: str, tmp_path: Path, layout: str, share: float) -> None:
    release = built(layout, tmp_path)
    file = (
        next(each for each in sorted(release.path.rglob("*")) if each.is_file())
        if release.path.is_dir()
        else release.path
    )
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    assert re.search("damaged|repair", refused(release.path, toy, **release.options))


def test_what_is_no_release_is_refused(toy: str, tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "net.pt")
    assert "is in no layout that ddkit reads (it holds a table of weights)" in refused(tmp_path / "net.pt", toy)
    (tmp_path / "notes.txt").write_text("hello")
    assert "is in no layout that ddkit reads (.txt)" in refused(tmp_path / "notes.txt", toy)
    assert "it is not there" in refused(tmp_path / "nothing.pt", toy)
    assert "--entry: does not apply to tensors of a trajectory method" in refused(
        built("mtt", tmp_path).path, toy, entry=1
    )
    (tmp_path / "empty").mkdir()
    assert "is in no layout that ddkit reads" in refused(tmp_path / "empty", toy)


# The command


def test_the_command(
    toy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    release = built("dc", tmp_path)
    command = ["import", str(release.path), "--data", toy, "--mean", ".4,.5,.6", "--std", ".2,.25,.3"]
    assert run(command) == 0
    captured = capsys.readouterr()
    assert captured.out == "wrote res_DM_TOY_ConvNet_2ipc.h5: 8 images of toy, 2 a class\n"
    assert "accuracies in the file over its 2 sets, in %: ConvNet 60.0 (n = 2)" in captured.err
    made = ddkit.load(tmp_path / "res_DM_TOY_ConvNet_2ipc.h5")
    assert isinstance(made, ddkit.SyntheticSet) and torch.equal(made.images, release.images)
    assert run(["show", "res_DM_TOY_ConvNet_2ipc.h5"]) == 0
    assert "by the values of the images" in capsys.readouterr().out
    assert run([*command[:-1], "many"]) == 2 and "--std: must be finite numbers" in capsys.readouterr().err
    assert run(["import", str(release.path), "--data", "digits", "--out", "x.h5"]) == 3 and not Path("x.h5").exists()


# The files that others released


@pytest.fixture
def released() -> Path:
    source = Path(os.environ.get("DDKIT_DATA") or Path(__file__).parents[3] / "shared" / "data")
    if not (source / "released").is_dir():
        pytest.skip("no released sets: name a folder with released/ in DDKIT_DATA")
    return source / "released"


@pytest.fixture
def cifar10(real_images: Callable[[str], Path], released: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The data by its name."""
    monkeypatch.setenv("DDKIT_DATA", str(real_images("cifar10").parent))
    return "cifar10"


@pytest.mark.parametrize("ipc", [1, 10])
def test_released_sets_of_cifar10(released: Path, cifar10: str, ipc: int) -> None:
    made = ddkit.import_set(released / f"res_DC_CIFAR10_ConvNet_{ipc}ipc.pt", data=cifar10, ipc=ipc)
    assert made.labels.tolist() == torch.arange(10).repeat_interleave(ipc).tolist()
    assert (made.facts.mean, made.facts.std) == ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    stored = json.loads(made.record.lineage)["release"]["stored accuracies"]["ConvNet"]
    assert (round(100 * stored["mean"], 1), stored["n"]) == ({1: 26.5, 10: 42.2}[ipc], 10)
    low = {1: -5.63, 10: -9.17}[ipc]
    assert float(made.images.min()) == pytest.approx(low, abs=0.005)  # as measured on the file


def test_the_released_set_of_mnist_has_five(released: Path, tmp_path: Path) -> None:
    """Without MNIST itself: data of its shape and name."""
    mnist = files.write_data(tmp_path, "mnist", classes=10, side=28, channels=1)
    sets = [
        ddkit.import_set(released / "res_DC_MNIST_ConvNet_1ipc.pt", data=mnist, entry=entry) for entry in (0, 4, -1)
    ]
    assert sets[1].images.equal(sets[2].images) and not sets[0].images.equal(sets[1].images)
    assert sets[0].facts.mean == (0.1307,) and sets[0].facts.augment == ""
    stored = json.loads(sets[0].record.lineage)["release"]["stored accuracies"]["ConvNet"]
    assert (round(100 * stored["mean"], 1), stored["n"]) == (91.8, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, paper in PAPERS.items() if paper.labels == "auto"])
def test_every_protocol_without_teachers_scores_an_imported_set(
    home: Path, toy: str, tmp_path: Path, name: str
) -> None:
    release = built("datm", tmp_path)  # with soft labels and a learned lr
    made = ddkit.import_set(release.path, data=toy, net=TINY, method=name, augment="color_crop", **release.options)
    found = ddkit.evaluate(made, protocol="paper", nets=2, device="cpu", baselines=False)
    assert found.protocol == f"paper-{name}"
    assert found.scores[0].lr == pytest.approx(PAPERS[name].lr or 0.02)


@pytest.mark.slow
def test_a_released_set_trains_to_its_stored_accuracy(home: Path, released: Path, cifar10: str) -> None:
    """26.5 % in the file, by the protocol of its authors."""
    made = ddkit.import_set(released / "res_DC_CIFAR10_ConvNet_1ipc.pt", data=cifar10)
    found = ddkit.evaluate(made, protocol="paper-dc", nets=2, device="cpu", baselines=False)
    assert found.scores[0].mean == pytest.approx(0.265, abs=0.025)
