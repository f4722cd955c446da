"""Sets that a hostile author made and sealed: refused for what they are made of, and before they cost anything."""

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hostile_files import BOMBS, HOSTILE, edited, read_graphs, read_images, trees, write_graphs, write_images

import ddkit
from ddkit.cli.main import run
from ddkit.errors import DataError
from ddkit.synth import is_graph_set
from ddkit.synth.cycles import refuse_cycles

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_lies_elsewhere_or_is_no_number_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = HOSTILE[name]
    path = tmp_path / "set.h5"
    write_images(tmp_path / "elsewhere.h5")
    (tmp_path / "elsewhere.raw").write_bytes(bytes(1000))
    make(path)
    with pytest.raises(DataError, match=words) as caught:
        ddkit.load(path)
    assert "\n" not in str(caught.value) and not is_graph_set(path)
    assert run(["show", str(path)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


REFUSE_ALL = """
import resource, sys, time
from pathlib import Path
import hostile_files as files
from ddkit.errors import DataError
from ddkit.synth import is_graph_set
from ddkit.synth.cycles import refuse_cycles

def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

folder = Path(sys.argv[1])
files.write_images(folder / "set.h5")
files.read_images(folder / "set.h5")
for name in files.BOMBS:
    path, before, begin = folder / f"{name}.h5", megabytes(), time.process_time()
    try:
        (files.read_graphs if is_graph_set(path) else files.read_images)(path)
        answer = "accepted"
    except DataError as error:
        answer = "one line" if "\\n" not in str(error) else "lines"
    print(f"{name}|{answer}|{time.process_time() - begin}|{megabytes() - before}")
"""


def test_small_files_that_claim_much_are_refused_at_once(tmp_path: Path) -> None:
    """In a process of its own, whose memory at its largest is measured."""
    for name, make in BOMBS.items():
        make(tmp_path / f"{name}.h5")
        assert (tmp_path / f"{name}.h5").stat().st_size < 25e6
    found = subprocess.run(
        [sys.executable, "-c", REFUSE_ALL, str(tmp_path)], cwd=TESTS, capture_output=True, text=True, timeout=120
    )
    lines = [line.split("|") for line in found.stdout.splitlines()]
    assert len(lines) == len(BOMBS), found.stderr
    for name, answer, seconds, megabytes in lines:
        assert answer == "one line" and float(seconds) < 2 and float(megabytes) < 200, name


def test_a_file_of_large_trees_has_an_end(tmp_path: Path) -> None:
    """Trees of several levels, of chunks in one to four dimensions and of symbols, as HDF5 itself makes them."""
    path = tmp_path / "set.h5"
    with h5py.File(path, "w", userblock_size=512) as file:
        for i in range(1, 5):
            file.create_dataset(f"d{i}", (5000, *[2] * (i - 1)), "f4", chunks=(1, *[2] * (i - 1)), fillvalue=0)[:] = 1
        for i in range(700):
            file.create_group(f"g{i}")
        for i in range(50):
            file.attrs[f"a{i}"] = "text" * i
            file.attrs[f"a{i}"] = "text" * (50 - i)
    content = path.read_bytes()
    assert max(content[node + 5] for node in trees(content, 1)) == 2 and len(trees(content, 0)) > 1
    with path.open("rb") as raw:
        refuse_cycles(raw)


def test_a_shortage_of_memory_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: object) -> None:
        raise MemoryError

    write_images(tmp_path / "set.h5")
    monkeypatch.setattr("ddkit.synth.hdf5.numbers", short)
    with pytest.raises(DataError, match=r"set\.h5': needs more memory than there is"):
        ddkit.load(tmp_path / "set.h5")


def test_pictures_of_two_colours_are_no_bomb(tmp_path: Path) -> None:
    """Compressed hundredfold, and read: 100 images of 4,096 pixels of which every hundredth is white."""
    path, images = tmp_path / "set.h5", np.full((1800, 1, 64, 64), -0.5, np.float32)
    images[:, :, ::10, ::10] = 2.0
    write_images(path)
    with edited(path) as file:
        file.attrs["ipc"] = 600
        del file["image"], file["label"], file["soft_label"]
        file.create_dataset("image", data=images, chunks=(600, 1, 64, 64), compression="gzip", shuffle=True)
        file["label"] = np.arange(3).repeat(600)
    assert images.nbytes > 100 * path.stat().st_size
    assert np.array_equal(ddkit.load(path).images.numpy(), images)


def test_edges_of_a_million_are_refused_where_they_would_be_laid_out(tmp_path: Path) -> None:
    """The file is small and consistent; PyG's objects and a training would have each edge for itself."""
    path, count = tmp_path / "set.h5", 10**6
    write_graphs(path)
    with edited(path) as file:
        del file["count"], file["fan"], file["child"], file["edge_label"]
        file["fan"], file["child"] = [10, 10, 10], [0, 1] * 15
        file["edge_label"], file["count"] = [0] * 30, [count] * 30
        file["ddkit"].attrs["recipe"] = '[data]\nname = "digits-graphs"\n'
    made = ddkit.read_graph_set(path)
    assert made.trees.nodes.tolist() == [1 + 10 * count] * 3
    with pytest.raises(DataError, match=r"30,000,000 edges as PyG objects, over 10,000,000; export it as npz"):
        ddkit.as_pyg(made)
    assert run(["export", str(path), "--to", "pt", "--out", str(tmp_path / "set.pt")]) == 3


def test_trees_with_more_edges_than_their_graphs_are_refused(tmp_path: Path) -> None:
    from random_graphs import random_graph_data

    from ddkit.jobs.tables.graphs import _refuse_more_edges

    write_graphs(tmp_path / "set.h5")
    made, train = ddkit.read_graph_set(tmp_path / "set.h5"), random_graph_data(11, graphs=10)
    _refuse_more_edges(made, train)
    with edited(tmp_path / "set.h5") as file:
        file["count"][1] = 200
    with pytest.raises(DataError, match=r"its trees of one depth have 203 edges at their roots, but the graphs that"):
        _refuse_more_edges(ddkit.read_graph_set(tmp_path / "set.h5"), train)


def test_a_set_without_its_seal_is_refused(tmp_path: Path) -> None:
    """The head taken off, or put onto a file of the earlier format."""
    for write, read in ((write_images, read_images), (write_graphs, read_graphs)):
        path = tmp_path / "set.h5"
        write(path)
        good = path.read_bytes()
        for content, words in (
            (bytes(512) + good[512:], "the head of its seal was changed"),
            (b"#!" + good[2:], "the head of its seal was changed"),
        ):
            path.write_bytes(content)
            with pytest.raises(DataError, match=words):
                read(path)
        with h5py.File(path, "w") as file, h5py.File(_at(tmp_path / "good.h5", good)) as other:
            for name, value in other.attrs.items():
                file.attrs[name] = value
            for name in other:
                other.copy(name, file)
        with pytest.raises(DataError, match="it was changed since ddkit wrote it, or was not written by ddkit"):
            read(path)
        path.write_bytes(good)
        with edited(path) as file:
            file.attrs["format"] = "ddkit-set/1"
        with pytest.raises(DataError, match="it was changed since ddkit wrote it, or was not written by ddkit"):
            read(path)


def test_facts_and_record_are_covered(tmp_path: Path) -> None:
    """What compact sets had of all kinds: any change by HDF5 itself is seen."""
    path = tmp_path / "set.h5"
    for change in (
        lambda file: file.attrs.modify("lr", 0.5),
        lambda file: file["ddkit"].attrs.modify("scores", json.dumps({"scores": 1})),
        lambda file: file["image"].write_direct(np.zeros((6, 1, 4, 4), np.float32)),
    ):
        write_images(path)
        with h5py.File(path, "r+") as file:
            change(file)
        with pytest.raises(DataError, match="is damaged"):
            ddkit.load(path)


def _at(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
