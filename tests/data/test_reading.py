from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddkit.data import DataSettings, load_images
from ddkit.data.imagenette import WNIDS
from ddkit.data.reading import Reading
from ddkit.data.subsets import SUBSETS, with_named_subsets
from ddkit.errors import DataError, DDKitError, RecipeError, UsageError
from ddkit.jobs import resolved_toml
from ddkit.jobs.recipes import to_toml
from ddkit.jobs.recipes.resolve import resolve


def test_published_lists_are_ten_ids_each() -> None:
    lists = {name: with_named_subsets([f"@{name}"]) for name in SUBSETS}
    assert all(len(set(ids)) == 10 and all(len(each) == 9 and each[0] == "n" for each in ids) for ids in lists.values())
    assert lists["imagenette"] == WNIDS


def test_published_lists_have_the_classes_that_the_papers_name() -> None:
    """The ids of ImageNet's classes are those of timm's list, whose order is that of the papers' indices."""
    info = pytest.importorskip("timm.data").ImageNetInfo()
    ids = info.label_names()
    indices = {
        "imagewoof": (193, 182, 258, 162, 155, 167, 159, 273, 207, 229),
        "imagemeow": (281, 282, 283, 284, 285, 291, 292, 290, 289, 287),
        "imagesquawk": (84, 130, 88, 144, 145, 22, 96, 9, 100, 89),
        "imagefruit": (953, 954, 949, 950, 951, 957, 952, 945, 943, 948),
        "imageyellow": (309, 986, 954, 951, 987, 779, 599, 291, 72, 11),
        "imagenet-a": (255, 376, 984, 364, 500, 986, 333, 576, 148, 135),
        "imagenet-b": (129, 916, 90, 275, 995, 874, 102, 259, 685, 139),
        "imagenet-c": (565, 94, 554, 535, 92, 392, 291, 136, 324, 11),
        "imagenet-d": (9, 258, 13, 262, 19, 339, 321, 24, 93, 322),
        "imagenet-e": (816, 96, 100, 145, 739, 713, 783, 76, 688, 326),
    }
    for name, places in indices.items():
        assert with_named_subsets([f"@{name}"]) == tuple(ids[place] for place in places), name


def test_classes_of_a_folder_are_read_in_the_order_of_the_list(tmp_path: Path) -> None:
    wanted = with_named_subsets(["@imagefruit"])
    for number, name in enumerate((*wanted, "n00000001", "n09999999")):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.new("L", (3, 3) if name in wanted else (5, 5), 20 * number + i).save(tmp_path / name / f"{i}.png")
    data = load_images(f"folder:{tmp_path}", Reading(classes=("@imagefruit",)))
    assert data.classes == wanted
    assert all(image[0, 0, 0] // 20 == label for image, label in zip(data.train_images, data.train_labels, strict=True))
    with pytest.raises(
        DataError, match=r"'data.classes': has no class 'n02096294', 'n02093754', 'n02111889' and 7 more"
    ):
        load_images(f"folder:{tmp_path}", Reading(classes=("@imagewoof",)))


def test_classes_of_images_in_memory_are_chosen(tmp_path: Path) -> None:
    plain, two = load_images("digits"), load_images("digits", Reading(classes=("7", "2")))
    assert two.classes == ("7", "2")
    for part in ("train", "test"):
        images, labels = getattr(plain, f"{part}_images"), getattr(plain, f"{part}_labels")
        rows = [i for i, label in enumerate(labels.tolist()) if label in (7, 2)]
        np.testing.assert_array_equal(getattr(two, f"{part}_images"), images[rows])
        assert getattr(two, f"{part}_labels").tolist() == [(7, 2).index(label) for label in labels[rows].tolist()]
    assert load_images("digits", Reading(classes=tuple("0123456789"))).digest == plain.digest
    random = np.random.default_rng(0)
    images, labels = random.integers(256, size=(30, 2, 2), dtype=np.uint8), np.arange(30) % 3
    np.savez(tmp_path / "all.npz", train_images=images, train_labels=labels, classes=["a", "b", "c"])
    kept = labels != 1
    np.savez(tmp_path / "two.npz", train_images=images[kept], train_labels=labels[kept] // 2, classes=["a", "c"])
    chosen = load_images(f"npz:{tmp_path / 'all.npz'}", Reading(classes=("a", "c")))
    assert chosen.digest == load_images(f"npz:{tmp_path / 'two.npz'}").digest


@pytest.mark.parametrize(
    ("data", "given", "says"),
    [
        ("digits", {"classes": ("@imagewuf",)}, "the list '@imagewuf' is unknown; did you mean imagewoof"),
        ("digits", {"classes": ("1", "1")}, "names the class '1' twice"),
        ("digits", {"classes": ("1",)}, "names one class, '1'; name at least two"),
        ("digits", {"classes": ("1", "ten")}, "'data.classes': has no class 'ten'"),
        ("digits", {"pixels": "unit"}, "key 'data.pixels': describes data as npz:..., which this is not; leave it out"),
        ("folder:x", {"image_column": "img"}, "key 'data.image_column': describes data as hf:"),
        ("npz:x", {"label_column": "y"}, "key 'data.label_column': describes data as hf:"),
        ("folder:x", {"config": "a"}, "key 'data.config': describes data as hf:"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(data: str, given: dict, says: str) -> None:
    with pytest.raises(DDKitError, match=says):
        load_images(data, Reading(**given))


def test_recipes_carry_the_settings() -> None:
    flags = ('data.classes=["3", "8"]', "data.resize=16", "data.mode=L")
    recipe, _ = resolve(recipe="dm-digits-ipc1", overrides=flags)
    assert recipe.data.reading == Reading(classes=("3", "8"), resize=16, mode="L")
    assert 'classes = ["3", "8"]\nresize = 16\nmode = "L"\n' in to_toml(recipe)
    assert "classes" not in resolved_toml("dm-digits-ipc1")
    for text, classes in (("@imagewoof", ("@imagewoof",)), ("", ()), ("[]", ())):
        assert resolve(recipe="dm-digits-ipc1", overrides=(f"data.classes={text}",))[0].data.classes == classes
    for wrong in ("data.classes=3", "data.classes=[3]", "data.resize=0", "data.mode=rgb", "data.pixels=float"):
        with pytest.raises(RecipeError, match=r"must be (a list of strings|an integer of at least 1|one of)"):
            resolve(recipe="dm-digits-ipc1", overrides=(wrong,))
    with pytest.raises(UsageError, match="describes data as npz:"):
        resolve(recipe="dm-digits-ipc1", overrides=("data.pixels=unit",))


def test_what_describes_a_source_is_left_behind_when_the_data_move() -> None:
    settings = DataSettings(name="hf:zoo", image_column="img", config="a", resize=8)
    assert settings.moved_to("hf:den") == DataSettings(name="hf:den", image_column="img", config="a", resize=8)
    moved = settings.moved_to("npz:zoo.npz")
    assert moved == DataSettings(name="npz:zoo.npz", resize=8)
