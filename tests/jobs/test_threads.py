"""The number of threads: one for small images, OMP_NUM_THREADS where it is set, and restored at the end."""

import pytest
import torch

from ddkit.jobs.machine.threads import fitting_threads


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch):
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_small_images_get_one_thread_and_large_ones_all() -> None:
    for shape, threads in (((1, 8, 8), 1), ((3, 16, 16), 1), ((1, 28, 28), 2), ((3, 32, 32), 2)):
        with fitting_threads(shape):
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_number_is_given_back_after_an_error() -> None:
    with pytest.raises(RuntimeError, match="lost"), fitting_threads((1, 8, 8)):
        raise RuntimeError("lost")
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_what_the_user_set_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with fitting_threads((1, 8, 8)):
        assert torch.get_num_threads() == 2
