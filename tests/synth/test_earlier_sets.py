"""Sets of format 1, kept as they were written: still read, with a line that they carry no digest."""

import hashlib
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hostile_files import endless_text

import ddkit
from ddkit.cli.main import run
from ddkit.errors import DataError, DDKitWarning
from ddkit.synth import Record

EARLIER = Path(__file__).parents[1] / "earlier_formats"
SAID = r"carries no digest, as an earlier version of ddkit wrote it, .*; `ddkit export .* --to h5` writes it with one"


def test_images() -> None:
    """The shipped set of the earlier version: today's has the same numbers, facts and record."""
    with pytest.warns(DDKitWarning, match=SAID):
        earlier = ddkit.load(EARLIER / "images.h5")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        today = ddkit.load("digits-ftd-ipc1")
    assert torch.equal(earlier.images, today.images) and torch.equal(earlier.labels, today.labels)
    assert earlier.facts == today.facts and earlier.record == today.record
    with h5py.File(EARLIER / "images.h5") as file:
        assert np.array_equal(file["image"][:], today.images.numpy())


def test_a_compact_set() -> None:
    with pytest.warns(DDKitWarning, match=SAID):
        found = ddkit.load(EARLIER / "compact.h5")
    real = torch.arange(3 * 2 * 16).remainder(251).to(torch.uint8).view(3, 2, 1, 4, 4)
    assert found.compact is not None and torch.equal(found.compact.real, real)
    assert torch.equal(found.soft_labels, torch.arange(54).float().view(18, 3) / 8)
    assert found.facts.temperature == 30 and found.record == Record(recipe="seed = 0\n")


def test_a_set_of_graphs() -> None:
    with pytest.warns(DDKitWarning, match=SAID):
        found = ddkit.read_graph_set(EARLIER / "graphs.h5")
    assert found.trees.count.tolist() == [1, 2, 1, 1] and found.samples.support.tolist() == [5, 300]


def test_its_own_digest_still_guards_a_compact_set(tmp_path: Path) -> None:
    """Of its numbers and facts, as it did."""
    path = tmp_path / "set.h5"
    for change in (
        lambda file: file["compact/real"].write_direct(np.zeros((3, 2, 1, 4, 4), np.uint8)),
        lambda file: file["compact/compensator"].write_direct(np.zeros((2, 2, 1, 4, 4), np.float16)),
        lambda file: file["soft_label"].write_direct(np.zeros((18, 3), np.float16)),
        lambda file: file.attrs.modify("mean", [0.25]),
        lambda file: file.attrs.modify("temperature", 2.0),
    ):
        path.write_bytes((EARLIER / "compact.h5").read_bytes())
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(DataError, match="its numbers are not those that were written"):
            ddkit.load(path)


def test_a_text_without_end_ends(tmp_path: Path) -> None:
    """HDF5 itself would read it for ever, and no digest tells."""
    path = tmp_path / "set.h5"
    path.write_bytes((EARLIER / "compact.h5").read_bytes())
    endless_text(path)
    with pytest.raises(DataError, match="its texts have sizes that do not fit their heap"):
        ddkit.load(path)


@pytest.mark.parametrize("name", ["images", "compact", "graphs"])
def test_export_gives_it_a_digest(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the place of the file itself too; then there is no remark on it any more."""
    path = tmp_path / "set.h5"
    path.write_bytes((EARLIER / f"{name}.h5").read_bytes())
    with pytest.warns(DDKitWarning, match=SAID):
        assert run(["show", str(path)]) == 0
    output = capsys.readouterr().out
    with pytest.warns(DDKitWarning, match=SAID):
        assert run(["export", str(path), "--to", "h5", "--out", str(path)]) == 0
    content = path.read_bytes()
    assert content[15:86].split()[1].decode() == hashlib.sha256(content[512:]).hexdigest()
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(["show", str(path)]) == 0
    again = capsys.readouterr().out
    assert [line for line in again.splitlines() if not line.startswith("file ")] == [
        line for line in output.splitlines() if not line.startswith("file ")
    ]
