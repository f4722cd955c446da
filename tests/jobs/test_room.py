"""Data that does not fit into memory is refused in a line, before it is tried."""

from pathlib import Path

import numpy as np
import pytest

from ddkit.data import zca_memory
from ddkit.errors import DataError
from ddkit.jobs import condense, plan


@pytest.fixture
def large(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    images = np.zeros((6, 224, 224, 3), np.uint8)
    np.savez(
        "large.npz",
        train_images=images,
        train_labels=np.arange(6) % 2,
        test_images=images[:2],
        test_labels=np.arange(2),
    )
    return "npz:large.npz"


@pytest.mark.parametrize("job", [condense, plan])
def test_whitening_photographs(large: str, job: object) -> None:
    """Singular vectors of 150,528 x 150,528 numbers: no machine of ours has that."""
    with pytest.raises(DataError) as caught:
        job("random", data=large, overrides=("data.preprocess=zca", "net.depth=5"))  # type: ignore[operator]
    line = str(caught.value)
    assert line.startswith("dataset 'large', key 'data.preprocess': zca of 224x224 images of 3 channels needs 1,350")
    assert "are free; use --set data.preprocess=normalise, or smaller images" in line and "\n" not in line


def test_images_that_do_not_fit(large: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need = 4 * 6 * 3 * 224 * 224
    for free, fits in ((need, True), (need - 1, False)):
        monkeypatch.setattr("ddkit.jobs.data.loading.free_memory", lambda device, free=free: free)
        if fits:
            condense("random", data=large, overrides=("net.name=mlp", "net.width=2"), evaluate=False)
            continue
        with pytest.raises(DataError, match=r"6 224x224 images of 3 channels need 3.4 MiB of memory, .* fewer or smal"):
            plan("random", data=large, overrides=("net.name=mlp", "net.width=2"))


def test_whitening_that_takes_long_is_said(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ddkit.data import preprocess
    from ddkit.run import SilentMeter

    lines: list[str] = []
    meter = SilentMeter()
    meter.say = lines.append  # type: ignore[method-assign]
    monkeypatch.setattr(preprocess, "ZCA_SPEED", 601 / 64**3)
    condense("random", overrides=("data.preprocess=zca",), evaluate=False, out=tmp_path / "run", meter=meter)
    assert any(line.startswith("zca of 8x8 images of 1 channel will take about 10.0 min") for line in lines)


def test_what_whitening_takes_grows_with_the_fourth_power_of_the_side() -> None:
    assert zca_memory((3, 64, 64)) == 16 * zca_memory((3, 32, 32))
    assert zca_memory((3, 32, 32)) == 16 * 4 * 3072**2
