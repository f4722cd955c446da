"""Fixtures for every test: a private home, tiny data, the real images and graphs where a machine has them."""

import importlib
import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from lent_kernels import LENDER, compile_once
from shared_folder import one_at_a_time, shared_folder

from ddkit import name_table

if TYPE_CHECKING:
    from ddkit.data import RealData
    from ddkit.graphs import GraphData

signal.signal(signal.SIGINT, signal.default_int_handler)  # `nohup` and `&` start us with Ctrl-C ignored
torch.set_num_threads(1)  # everything here is small; see ddkit/jobs/threads.py


@cache
def entry_points_of(path: tuple[str, ...], group: str) -> EntryPoints:
    return entry_points(group=group)


# Reading the metadata of all installed packages takes 8 ms, and most commands do it several times. Tests that install a
# package add a folder to the path.
name_table.entry_points = lambda group: entry_points_of(tuple(sys.path), group)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rehearse", action="store_true", help="run the tests marked gpu on the CPU, without CUDA graphs")
    parser.addoption("--write-picture", metavar="RUN", help="draw the report of this run's folder for README.md")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if torch.cuda.is_available() or config.getoption("--rehearse"):
        return
    skip = pytest.mark.skip(reason="needs a CUDA device; --rehearse runs it on the CPU")
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def gpu() -> torch.device:
    """The device of a test marked `gpu`: CUDA, or the CPU where it is rehearsed."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(scope="session")
def captured(gpu: torch.device) -> str:
    """The engine that a test marked `gpu` is about: "captured", or "adjoint" where it is rehearsed."""
    return "captured" if gpu.type == "cuda" else "adjoint"


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The environment of all tests.

    Tests without the fixture `home` get an empty home of the session, so that none uses the user's own. Kernels are
    compiled once for all homes; see lent_kernels.py.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDKIT_HOME", str(tmp_path_factory.mktemp("session_home")))
        patch.setenv(LENDER, str(shared_folder(tmp_path_factory, "kernels")))
        patch.setattr("ddkit.steps.native._compile", compile_once)
        # One process and one thread for each worker of pytest-xdist. Tests of processes set more.
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(autouse=True)
def pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw no pictures and write no report, except in tests marked `pictures`: they take half of a small run."""
    if not request.node.get_closest_marker("pictures"):
        for drawing in ("images.gallery", "images.curve", "graphs.tree_gallery"):
            monkeypatch.setattr(f"ddkit.jobs.runs.{drawing}", lambda *_: None)
        for job in ("condense", "compare"):
            monkeypatch.setattr(importlib.import_module(f"ddkit.jobs.{job}"), "written_at_end", lambda *_: None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder in the place of ~/.cache/ddkit."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("DDKIT_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def real_images(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """NAME (cifar10, cifar100, fashion_mnist) -> NAME.npz, from $DDKIT_DATA or ../shared/data; skips without them."""
    source = Path(os.environ.get("DDKIT_DATA") or Path(__file__).parents[2] / "shared" / "data")
    unpacked = shared_folder(tmp_path_factory, "real_images")

    def find(name: str) -> Path:
        if (source / f"{name}.npz").exists():
            return source / f"{name}.npz"
        if not (source / "unpack.py").exists() or not (source / "images" / name).is_dir():
            pytest.skip(f"no real {name}: name a folder with {name}.npz in DDKIT_DATA")
        if importlib.util.find_spec("pillow_jxl") is None:
            pytest.skip(f"no real {name}: unpacking it needs pillow-jxl-plugin")
        with one_at_a_time(unpacked):
            if not (unpacked / f"{name}.npz").exists():
                command = [sys.executable, str(source / "unpack.py"), name, "--to", str(unpacked)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return unpacked / f"{name}.npz"

    return find


@pytest.fixture(scope="session")
def real_graphs() -> Callable[[str], "GraphData"]:
    """NAME -> the graphs of that name from $DDKIT_DATA/graphs or ../shared/data/graphs; skips without them."""
    from ddkit.graphs import load_graphs

    root = Path(os.environ.get("DDKIT_DATA") or Path(__file__).parents[2] / "shared" / "data")
    loaded: dict[str, GraphData] = {}

    def find(name: str) -> "GraphData":
        if not (root / "graphs").is_dir():
            pytest.skip(f"no real {name}: name a folder with graphs/ in DDKIT_DATA")
        if name not in loaded:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DDKIT_DATA", str(root))
                loaded[name] = load_graphs(name)
        return loaded[name]

    return find


@pytest.fixture(scope="session")
def tiny() -> "RealData":
    """3 classes of 1x8x8, 14 training images each before the split; classes differ in brightness."""
    from ddkit.data import DataSettings, ImageData, prepare

    labels = torch.arange(3).repeat(14)
    noise = torch.randint(0, 120, (42, 1, 8, 8), generator=torch.Generator().manual_seed(5))
    images = (noise + 45 * labels.view(-1, 1, 1, 1)).byte()
    data = ImageData(
        train_images=images,
        train_labels=labels,
        test_images=images[:6],
        test_labels=labels[:6],
        name="tiny",
        classes=("a", "b", "c"),
        flips_keep_label=True,
        licence="none",
    )
    return prepare(data, DataSettings(name="tiny", validation=0.2))


@pytest.fixture
def nobody_is_left() -> Iterator[None]:
    """After the test, no process that it started is left. One that is left is ended, so that no other test fails."""
    yield
    left = multiprocessing.active_children()
    for process in left:
        process.kill()
        process.join()
    assert not left
