"""TensorBoard: what its own reader finds in the event files of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ddkit.jobs.runs import Condensed
from ddkit.loggers.to_tensorboard import TensorBoardLogger
from ddkit.run import RunFolder

pytest.importorskip("tensorboard")


def read(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / "tensorboard"))
    return found.Reload()


@pytest.mark.pictures
def test_metrics_scores_and_gallery_of_a_run_and_of_its_resume(
    small_run: Callable[..., Condensed], tmp_path: Path
) -> None:
    small_run(tmp_path / "run", log="tensorboard", evaluate=False)
    made = small_run(tmp_path / "run", "method.iterations=6", resume=True, log="tensorboard")
    found = read(made.folder)
    losses = [(row["iteration"], row["loss"]) for row in RunFolder(made.folder).read_metrics()]
    assert [(event.step, event.value) for event in found.Scalars("loss")] == [(i, pytest.approx(v)) for i, v in losses]
    assert len(losses) == 6 and len(list((made.folder / "tensorboard").iterdir())) == 2
    assert made.evaluation is not None
    for score in made.evaluation.scores:
        (event,) = found.Scalars(f"score/{score.name}")
        assert event.step == 6 and event.value == pytest.approx(score.mean)
    picture = found.Images("gallery")[-1]
    assert picture.encoded_image_string == (made.folder / "gallery.png").read_bytes()


def test_the_set_has_the_same_bytes_with_and_without_a_log(small_run: Callable[..., Condensed], tmp_path: Path) -> None:
    without = small_run(tmp_path / "a").folder
    logged = small_run(tmp_path / "b", log="tensorboard").folder
    assert (logged / "set.h5").read_bytes() == (without / "set.h5").read_bytes()
    assert (logged / "tensorboard").exists() and not (without / "tensorboard").exists()


def test_what_a_killed_run_wrote_after_its_checkpoint_is_hidden(tmp_path: Path) -> None:
    killed = TensorBoardLogger(tmp_path, {}, "")
    for iteration in range(6):
        killed.metrics(iteration, {"loss": 1.0})
    resumed = TensorBoardLogger(tmp_path, {}, "")
    for iteration in range(4, 7):
        resumed.metrics(iteration, {"loss": 2.0})
    resumed.close(True)
    events = read(tmp_path).Scalars("loss")
    assert [(event.step, event.value) for event in events] == [(i, 1.0 if i < 4 else 2.0) for i in range(7)]


def test_a_full_disk_is_an_error_at_once(tmp_path: Path) -> None:
    """TensorBoard's own writer notes it in a thread; later calls then block."""
    logger = TensorBoardLogger(tmp_path, {}, "")
    logger._writer = type(logger._writer)(Path("/dev/full").open("wb"))
    with pytest.raises(OSError, match="No space left"):
        logger.metrics(0, {"loss": 1.0})
