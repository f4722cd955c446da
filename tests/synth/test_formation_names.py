"""The names of packed sets and of their rivals: what is written is read."""

import pytest

from ddkit.synth import formation_of, formation_suffix


@pytest.mark.parametrize("formation", [2, 8, 10, 16])
@pytest.mark.parametrize("more", ["", ", flips 0.5"])
def test_the_formation_of_a_written_name_is_read(formation: int, more: str) -> None:
    """An imported set can have more than nine small images a side."""
    assert formation_of(f"idc+fyi{formation_suffix(formation)}{more}") == formation


@pytest.mark.parametrize("title", ["mtt", "mtt+2x3", "mtt+2x22", "mtt-32x32", "mtt-2x2-best", "npz:2x2"])
def test_other_names_state_none(title: str) -> None:
    """A recipe for images of 32 x 32 pixels has no packed images."""
    assert formation_of(title) is None
