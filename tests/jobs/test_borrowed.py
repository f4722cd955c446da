"""A borrowed recipe on data of another size: how long it trains, and what nobody may change."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from listener import Listener

from ddkit.data import ImageData, load_images
from ddkit.evaluation.training import honest_training
from ddkit.jobs import condense, plan
from ddkit.jobs.recipes import Recipe
from ddkit.jobs.recipes.fitted import fitted, used_as_written
from ddkit.jobs.recipes.resolve import resolve, source_data
from ddkit.methods import method_class
from ddkit.methods.table import IMAGE_METHODS

SCHEDULES = ("max_start_epoch", "expert_epochs", "teacher_epoch")


def images(count: int, side: int = 28, channels: int = 1) -> ImageData:
    labels = torch.arange(count) % 10
    pixels = torch.zeros(1, channels, side, side, dtype=torch.uint8).expand(count, -1, -1, -1)
    return ImageData(
        train_images=pixels,
        train_labels=labels,
        test_images=pixels[:10],
        test_labels=labels[:10],
        name="mine",
        classes=tuple("0123456789"),
        flips_keep_label=False,
        licence="none",
    )


def borrow(method: str, data: ImageData, ipc: int | None = None, overrides: tuple[str, ...] = ()) -> Recipe:
    resolved, _ = resolve(method=method, data="npz:mine.npz", ipc=ipc, overrides=overrides)
    return fitted(resolved, source_data(method, "npz:mine.npz", ipc), data, overrides)[0]


@pytest.mark.parametrize("count", [100, 1437, 5000, 60_000])
def test_the_evaluation_takes_as_many_steps_as_on_the_recipes_own_data_or_one_epoch(count: int) -> None:
    own, _ = resolve(method="dm")
    steps = honest_training(own.evaluate, 1437).steps
    found = honest_training(borrow("dm", images(count)).evaluate, count).steps
    epoch = -(-count // own.evaluate.batch)
    assert found <= max(steps, epoch) + epoch and found >= own.evaluate.steps
    if count == 60_000:  # 25 epochs of them are 23,438 steps
        assert found == epoch == 938


def epochs_of(settings: Any) -> Iterator[tuple[str, int]]:
    for field in dataclasses.fields(settings):
        if field.metadata.get("epochs") and (value := getattr(settings, field.name)) is not None:
            yield field.name, value


@pytest.mark.parametrize("ipc", [1, 10])
@pytest.mark.parametrize("method", IMAGE_METHODS)
def test_every_schedule_is_as_long_in_steps(method: str, ipc: int) -> None:
    """Ten times the images, a tenth of the epochs; what is left is one epoch or more, and no window is empty."""
    before, _ = resolve(method=method, data="npz:mine.npz", ipc=ipc)
    after = borrow(method, images(14_370), ipc)
    if source_data(method, "npz:mine.npz", ipc) is None:
        assert after == before
        return
    for section in ("experts", "method", "evaluate"):
        if getattr(before, section) is None:
            continue
        changed = dict(epochs_of(getattr(after, section)))
        for name, value in epochs_of(getattr(before, section)):
            assert changed[name] == (value // 10 if name == "min_start_epoch" else -(-value // 10)), name
    assert method_class(method).settings_class is type(after.method)


def test_what_is_asked_for_stays() -> None:
    kept = borrow("dm", images(60_000), overrides=("evaluate.epochs=25", "net.depth=2", "net.width=32"))
    own, _ = resolve(method="dm")
    assert (kept.evaluate, kept.net) == (own.evaluate, own.net)


def test_neither_the_recipes_own_data_nor_less_changes_anything() -> None:
    own, _ = resolve(method="dm")
    assert fitted(own, "digits", load_images("digits"), ()) == (own, "")
    unchanged, _ = resolve(method="dm", data="npz:mine.npz")
    assert fitted(unchanged, "digits", images(1437, side=8), ()) == (unchanged, "")
    assert fitted(unchanged, None, images(60_000), ()) == (unchanged, "")


@pytest.mark.parametrize(
    "side, channels, net", [(8, 1, (2, 32)), (16, 1, (2, 32)), (28, 1, (3, 16)), (32, 3, (3, 16)), (64, 3, (4, 16))]
)
def test_the_network_is_the_fields_for_larger_images(side: int, channels: int, net: tuple[int, int]) -> None:
    found = borrow("dm", images(100, side, channels)).net
    assert (found.depth, found.width) == net


class Leaver(Listener):
    """Leaves when the condensation begins."""

    def start(self, title: str, total: int, done: int = 0) -> None:
        if title == "condensing":
            raise KeyboardInterrupt


def test_condense_and_plan_say_and_use_it(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, big: Path
) -> None:
    listener = Leaver()
    with pytest.raises(KeyboardInterrupt):
        condense("dm", data=f"npz:{big}", out=tmp_path / "run", meter=listener)
    (line,) = [line for line in listener.lines if "fitted to" in line]
    assert line == (
        "made for 1,437 images of 8x8 of 'digits' and fitted to 6,000 images of 16x16 "
        "(train and validation): evaluate.epochs 6"
    )
    assert "epochs = 6\n" in (tmp_path / "run" / "recipe.toml").read_text()
    assert line in plan("dm", data=f"npz:{big}", probe_seconds=0.5).facts


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """6,000 images of 16x16."""
    import numpy as np

    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (6000, 16, 16), dtype=np.uint8)
    np.savez(
        tmp_path / "big.npz",
        train_images=pixels,
        train_labels=np.arange(6000) % 3,
        test_images=pixels[:30],
        test_labels=np.arange(30) % 3,
    )
    return tmp_path / "big.npz"


def test_a_recipe_that_is_asked_for_is_used_as_written_which_is_said():
    recipe, _ = resolve(recipe="dm-digits-ipc1", data="npz:mine.npz")
    line = used_as_written(recipe, "dm-digits-ipc1", 60000)
    assert "was made for 'digits' and is used as written on 60,000 images of 'npz:mine.npz'" in line
    own, _ = resolve(recipe="dm-digits-ipc1")
    assert used_as_written(own, "dm-digits-ipc1", 1437) == ""
