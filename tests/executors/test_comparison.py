"""A comparison of images on a Ray cluster whose workers have another home: the same bytes as on this machine."""

import json
from pathlib import Path

import pytest

import ddkit
from ddkit.executors import executor

DATA = '[data]\nname = "digits"\naugment = "crop"\n[net]\nname = "mlp"\nwidth = 8\ndepth = 1\n'
EVALUATE = "[evaluate]\nnets = 2\nsteps = 10\nepochs = 1\nwhole = false\n"
RECIPES = {
    "mtt": '[experts]\nname = "plain"\ncount = 2\nlr = 0.05\nbatch = 64\n[method]\nname = "mtt"\nipc = 1\n'
    "iterations = 3\nsyn_steps = 2\nmax_start_epoch = 1\nlr_teacher = 0.05\n",
    "dm": '[method]\nname = "dm"\nipc = 1\niterations = 3\n',
}

pytestmark = pytest.mark.usefixtures("ray_cluster")


def files(out: Path) -> dict[str, object]:
    """The contents of all sets and scores of a comparison, without seconds."""
    sets: dict[str, object] = {str(file.relative_to(out)): file.read_bytes() for file in sorted(out.glob("*/set.h5"))}
    for file in sorted((out / "scores").glob("*.json")):
        score = json.loads(file.read_text())
        sets[file.name] = {key: value for key, value in score.items() if key not in ("seconds", "digest", "crc32")}
    return sets


def test_a_comparison_on_ray_has_the_bytes_of_one_here(home: Path, tmp_path: Path) -> None:
    recipes = []
    for name, text in RECIPES.items():
        recipes.append(tmp_path / f"{name}.toml")
        recipes[-1].write_text(DATA + text + EVALUATE)
    found = {}
    for name in ("local", "ray"):
        with executor(name, 2):
            table = ddkit.compare(recipes, sets=2, out=tmp_path / name, device="cpu")
        found[name] = files(tmp_path / name)
        assert [line.name for line in table.lines][:2] == ["mtt", "dm"]
        for buffer in (home / "buffers").iterdir():  # the experts are in the driver's home, wherever they were trained
            buffer.rename(tmp_path / f"{name}-{buffer.name}")
    assert len(found["local"]) == 4 + 2 * (2 + 3)
    assert found["ray"] == found["local"]
