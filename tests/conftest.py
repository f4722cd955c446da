"""Fixtures that every test may use: a private home, and the real images where a machine has them."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

torch.set_num_threads(min(2, torch.get_num_threads()))


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
    unpacked = tmp_path_factory.mktemp("real_images")

    def find(name: str) -> Path:
        for path in (source / f"{name}.npz", unpacked / f"{name}.npz"):
            if path.exists():
                return path
        if not (source / "unpack.py").exists() or not (source / "images" / name).is_dir():
            pytest.skip(f"no real {name}: name a folder with {name}.npz in DDKIT_DATA")
        if importlib.util.find_spec("pillow_jxl") is None:
            pytest.skip(f"no real {name}: unpacking it needs pillow-jxl-plugin")
        command = [sys.executable, str(source / "unpack.py"), name, "--to", str(unpacked)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return unpacked / f"{name}.npz"

    return find
