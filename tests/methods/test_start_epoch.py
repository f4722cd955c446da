"""DATM's window of start epochs: its growth against the formula, its bounds against many draws."""

import pytest

from ddkit.errors import RecipeError
from ddkit.methods.datm import DATMSettings
from ddkit.methods.mtt import MTTSettings
from ddkit.methods.start_epoch import StartEpochs
from ddkit.randomness import stream


def test_the_upper_end_grows_as_in_datms_settings_for_cifar10_at_ten_images():
    """T = 10, T+ = 20, expansion end 1000: one epoch every hundred iterations, and no farther."""
    window = StartEpochs(current_max_start_epoch=10, max_start_epoch=20, expansion_end_epoch=1000)
    ends = {iteration: window.upper_end(iteration) for iteration in (0, 99, 100, 550, 999, 1000, 9999)}
    assert ends == {0: 10, 99: 10, 100: 11, 550: 15, 999: 19, 1000: 20, 9999: 20}


@pytest.mark.parametrize("iteration", [0, 5, 10, 100])
def test_draws_fill_the_window_and_nothing_else(iteration):
    window = StartEpochs(min_start_epoch=3, current_max_start_epoch=5, max_start_epoch=9, expansion_end_epoch=10)
    generator = stream(0, "test")
    drawn = {window.draw_start(iteration, generator) for _ in range(400)}
    assert drawn == set(range(3, {0: 5, 5: 7, 10: 9, 100: 9}[iteration]))


def test_without_growth_it_is_mtts():
    window = StartEpochs(max_start_epoch=4)
    assert [window.upper_end(iteration) for iteration in (0, 10**6)] == [4, 4]


def test_the_last_epoch_that_is_read():
    settings = MTTSettings(min_start_epoch=3, current_max_start_epoch=4, max_start_epoch=9, expert_epochs=2)
    assert settings.reads_epochs == 10
    assert DATMSettings(max_start_epoch=20).reads_epochs == 100  # its teachers are fully trained experts
    assert DATMSettings(max_start_epoch=20, teacher_epoch=None).reads_epochs == 21
    assert MTTSettings(teacher_epoch=100).reads_epochs == 3  # nobody asks them


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_start_epoch": 5, "max_start_epoch": 5}, "min_start_epoch': must be below max_start_epoch, 5, got 5"),
        ({"max_start_epoch": 5, "current_max_start_epoch": 6}, "at most max_start_epoch, 5, got 6"),
        ({"min_start_epoch": 2, "max_start_epoch": 5, "current_max_start_epoch": 2}, "above min_start_epoch, 2,"),
    ],
)
def test_an_empty_window_is_one_line(settings, message):
    with pytest.raises(RecipeError, match=message):
        MTTSettings(**settings)
