"""`ddkit.save` writes what `ddkit.load` reads."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import ddkit
from ddkit.errors import UsageError
from ddkit.synth import write_set


def test_a_set_from_own_tensors_is_saved(tmp_path: Path) -> None:
    """With public names only."""
    facts = ddkit.SetFacts(
        method="mine",
        dataset="toy",
        data_digest="0" * 64,
        classes=("a", "b"),
        ipc=1,
        space="normalised",
        preprocess_digest="0" * 64,
        net="mlp",
        mean=(0.5,),
        std=(0.25,),
    )
    made = ddkit.SyntheticSet(images=torch.rand(2, 1, 3, 3), labels=torch.tensor([0, 1]), facts=facts)
    assert ddkit.load(ddkit.save(made, tmp_path / "set.h5")) == made


def test_saving_equals_writing(make_set: Callable[..., ddkit.SyntheticSet], tmp_path: Path) -> None:
    made = make_set(soft=True)
    write_set(made, tmp_path / "written.h5")
    assert ddkit.save(made, str(tmp_path / "saved.h5")).read_bytes() == (tmp_path / "written.h5").read_bytes()


def test_other_things_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="save: made must be SyntheticSet or GraphSet, got dict"):
        ddkit.save({}, tmp_path / "set.h5")  # type: ignore[arg-type]
