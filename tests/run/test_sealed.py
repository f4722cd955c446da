"""The seal: what is written reads back as anybody reads it, and no bit of a file can change without a line."""

import hashlib
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from hostile_files import GOOD, HEAD, flips

from ddkit.errors import DataError
from ddkit.run import Seal, atomic_hdf5, atomic_sealed, check_seal, payload, place


def sealed(path: Path, content: bytes) -> bytes:
    with atomic_sealed(path) as image:
        image.write(content)
    return path.read_bytes()


def check(path: Path) -> Seal | None:
    with path.open("rb") as file:
        return check_seal(file)


@pytest.mark.parametrize("size", [0, 1, 511, 2**20, 2**20 + 1, 3 * 2**20 - 7])
def test_the_head_carries_the_digest_of_what_follows(tmp_path, size):
    content = np.random.default_rng(0).bytes(size)
    written = sealed(tmp_path / "file", content)
    line = f"ddkit-sealed/1 sha256 {hashlib.sha256(content).hexdigest()} {size}\n"
    assert written == line.encode() + bytes(HEAD - len(line)) + content
    assert check(tmp_path / "file") == Seal()
    with (tmp_path / "file").open("rb") as file:
        inner = payload(file)
        assert inner.read() == content and inner.seek(0, 2) == inner.tell() == size
        assert inner.seek(size // 2) == size // 2 and inner.read() == content[size // 2 :]


def test_sha256sum_gives_the_same_digest(tmp_path):
    sealed(tmp_path / "file", b"numbers")
    found = subprocess.run("tail -c +513 file | sha256sum", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert (tmp_path / "file").read_text().split()[2] == found.stdout.split()[0]


def test_hdf5_readers_skip_the_head_and_find_what_was_left_out(tmp_path):
    path, rows = tmp_path / "file.h5", np.arange(5000, dtype="f4").reshape(50, 100)
    with atomic_hdf5(path, uncovered="rows") as file:
        file["rows"], file["other"] = rows, [1, 2, 3]
        assert not list(tmp_path.iterdir())
    with h5py.File(path) as file:
        assert np.array_equal(file["rows"][:], rows) and file["other"][:].tolist() == [1, 2, 3]
        begin, end = place(file["rows"])
    assert check(path) == Seal((begin, end))
    assert path.read_bytes()[begin:end] == rows.tobytes()
    with pytest.raises(ValueError, match="stop"), atomic_hdf5(path) as file:
        file["numbers"] = [4]
        raise ValueError("stop")
    assert check(path) == Seal((begin, end)) and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" 7\n", b" 07\n"),
        (b" 7\n", b" 6\n\0"),
        (b" 7\n", b" 7 without 512 519\n"),
        (b" 7\n", b" 7 without 512 512\n"),
        (b" 7\n", b" 7 without 519 512\n"),
        (b" 7\n", b" 7 without 0 600\n"),
        (b" 7\n", b" " + b"9" * 300 + b"\n"),
        (b"sealed/1", b"sealed/2"),
        (b"\n\0", b"\n\1"),
        (b"sha256 ", b"sha256  "),
        (b"numbers", b"number"),
        (b"numbers", b"numbers "),
        (b"numbers", b"numbets"),
    ],
)
def test_any_other_head_or_payload_is_refused(tmp_path, old, new):
    written = sealed(tmp_path / "file", b"numbers")
    assert written.count(old) >= 1
    (tmp_path / "file").write_bytes(written.replace(old, new, 1))
    with pytest.raises(ValueError, match=r"seal|changed"):
        check(tmp_path / "file")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n" + bytes(600), b"dd"])
def test_other_files_have_no_seal(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert check(tmp_path / "file") is None


@pytest.mark.parametrize("kind", GOOD)
def test_no_flipped_bit_is_accepted(tmp_path, kind):
    """All bits of the head and of as many bytes after it, and 1,000 others, which the digest finds in one way: torch
    and HDF5 accept hundreds of them, with other content."""
    path = tmp_path / GOOD[kind].name
    GOOD[kind].write(path)
    good = GOOD[kind].read(path)
    accepted = []
    for place_of_bit in flips(path, 2 * HEAD, 1000):
        try:
            accepted.append((place_of_bit, GOOD[kind].read(path) == good))
        except DataError as error:
            assert "\n" not in str(error) and path.name in str(error)
    assert not accepted
    assert GOOD[kind].read(path) == good


@pytest.mark.parametrize("kind", GOOD)
def test_equal_content_gives_equal_bytes(tmp_path, kind):
    one, other = (tmp_path / folder / GOOD[kind].name for folder in ("one", "other"))
    GOOD[kind].write(one)
    GOOD[kind].write(other)
    assert one.read_bytes() == other.read_bytes()
