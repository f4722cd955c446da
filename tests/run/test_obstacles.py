"""A file in the place of a folder, and a folder in the place of a file, are named before and after a write fails."""

from pathlib import Path

import pytest

from ddkit.errors import DataError
from ddkit.run import RunFolder, atomic_write, refuse_no_file, refuse_no_folder


def test_what_nothing_hinders_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.h5").write_text("an older set")
    for free in (tmp_path, tmp_path / "new" / "newer", Path("new"), Path(), tmp_path / ("x" * 300)):
        refuse_no_folder(free)
    for free in (tmp_path / "a.h5", tmp_path / "new" / "b.h5", Path("b.h5"), tmp_path / ("x" * 300)):
        refuse_no_file(free)


@pytest.mark.parametrize("name", ["file", "file/below", "file/below/further"])
def test_a_file_is_no_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("kept")
    monkeypatch.chdir(tmp_path)
    words = "'file' is a file, not a folder; choose another folder"
    with pytest.raises(DataError, match=f"folder '{name}': cannot be written: {words}"):
        refuse_no_folder(Path(name))
    with pytest.raises(DataError, match=f"file '{name}/x.h5': cannot be written: {words}"):
        refuse_no_file(Path(name, "x.h5"))
    with pytest.raises(DataError, match=f"cannot be locked: {words}"), RunFolder(Path(name)).locked():
        pass
    with pytest.raises(DataError, match=f"cannot be written: {words}"), atomic_write(Path(name, "x.h5")):
        pass
    assert (tmp_path / "file").read_text() == "kept"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    words = "cannot be written: it is a folder; name a file"
    with pytest.raises(DataError, match=words):
        refuse_no_file(tmp_path)
    with pytest.raises(DataError, match=words), atomic_write(tmp_path) as temporary:
        temporary.write_text("x")
