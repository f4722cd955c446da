"""A file claims no more than it can honestly hold, and is a file: each of `bombs.MAKERS` is refused in one line."""

from pathlib import Path

import bombs
import numpy as np
import pytest
from PIL import Image

from ddkit import files
from ddkit.archive import Archive
from ddkit.data import load_images
from ddkit.errors import DataError
from ddkit.graphs import load_graphs


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="a peak of memory is measured on Linux only")
def test_every_bomb_is_refused_soon_and_in_little_memory(tmp_path: Path) -> None:
    found = bombs.campaign(tmp_path)
    assert len(found) == len(bombs.MAKERS) > 40
    assert not {name: one.line for name, one in found.items() if not one.refused}
    assert not {name: one.seconds for name, one in found.items() if one.seconds > bombs.SLOW}
    assert not {name: one.memory for name, one in found.items() if one.memory > bombs.LARGE}
    assert all(len(one.line) < 1000 for one in found.values())


def some_images(count: int) -> dict[str, np.ndarray]:
    return {"train_images": np.zeros((count, 40, 50, 3), np.uint8), "train_labels": np.arange(count) % 2}


def test_a_black_image_is_no_bomb(tmp_path: Path) -> None:
    """Packed a thousandfold, as npz and as PNG; 24 MB in all."""
    np.savez_compressed(tmp_path / "black.npz", **some_images(4000))
    assert (tmp_path / "black.npz").stat().st_size < 24_000_000 / files.RATIO
    assert len(load_images(f"npz:{tmp_path}/black.npz").train_images) == 3200
    for name in "ab":
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (1500, 1500)).save(tmp_path / "pictures" / name / f"{i}.png")
    assert load_images(f"folder:{tmp_path}/pictures").shape == (3, 1500, 1500)


def test_what_is_not_packed_may_be_as_large_as_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ALWAYS", 10_000)
    np.savez(tmp_path / "plain.npz", **some_images(1000))
    np.savez_compressed(tmp_path / "packed.npz", **some_images(1000))
    load_images(f"npz:{tmp_path}/plain.npz")
    with pytest.raises(DataError, match=r"would need 6.0 MB of memory, but has [\d,]+ bytes on the disk.*numpy.savez"):
        load_images(f"npz:{tmp_path}/packed.npz")
    monkeypatch.setattr(files, "free_memory", lambda *_: 5_000_000)
    with pytest.raises(DataError, match=r"needs 12.0 MB of memory while it is read, 5.0 MB are free"):
        load_images(f"npz:{tmp_path}/plain.npz")


def test_arrays_that_nobody_reads_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = bombs._unread_array(tmp_path)
    monkeypatch.setenv("DDKIT_DATA", str(tmp_path))
    read: list[str] = []
    original = Archive.read
    monkeypatch.setattr(Archive, "read", lambda self, names, where: original(self, read_names(names, read), where))
    with pytest.raises(DataError, match=r"labels must be in|no training image"):
        load_images(spec)
    assert "extra" not in read and len(read) == 4


def read_names(names: list[str], into: list[str]) -> list[str]:
    into += names
    return names


def test_too_little_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("Unable to allocate 8.00 GiB for an array")

    np.savez(tmp_path / "a.npz", **some_images(10))
    graphs = bombs.graphs_npz(tmp_path / "g.npz", [1, 1])
    monkeypatch.setattr(Archive, "read", fail)
    line = r"does not fit into memory \(Unable to allocate 8.00 GiB for an array; .* are free\)"
    with pytest.raises(DataError, match=line):
        load_images(f"npz:{tmp_path}/a.npz")
    with pytest.raises(DataError, match=line):
        load_graphs(graphs)


def test_isolated_nodes_are_believed_as_far_as_there_are_graphs(tmp_path: Path) -> None:
    assert len(load_graphs(bombs.graphs_npz(tmp_path / "g.npz", [400_000, 600_000])).node_label) == 10**6
    with pytest.raises(DataError, match="1,000,000 are accepted"):
        load_graphs(bombs.graphs_npz(tmp_path / "g.npz", [400_001, 600_000]))
