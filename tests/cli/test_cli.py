"""The commands that only look, and what the command line promises as a whole."""

import os
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
import pytest
import torch

from ddkit import __main__ as as_module  # noqa: F401  (must not run anything when imported)
from ddkit.cli.main import COMMANDS, ddkit, run
from ddkit.experts import Buffer, BufferKey
from ddkit.experts.plain import PlainExperts
from ddkit.recipe_files import list_recipes

ROOT = Path(__file__).parents[2]
HELP = """
import sys, time
begin = time.process_time()
from ddkit.cli.main import run
assert run(["--help"]) == 0
heavy = {"torch", "numpy", "h5py", "sklearn", "kornia", "matplotlib"} & set(sys.modules)
print(heavy or "light", time.process_time() - begin)
"""


def output(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


def test_help_needs_no_torch():
    done = subprocess.run(
        [sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    what, seconds = done.stdout.splitlines()[-1].rsplit(maxsplit=1)
    assert what == "light"
    assert float(seconds) < 0.5


def every_command() -> dict[tuple[str, ...], click.Command]:
    found: dict[tuple[str, ...], click.Command] = {}
    with click.Context(ddkit) as context:
        for name in ddkit.list_commands(context):
            command = ddkit.get_command(context, name)
            assert command is not None
            found[(name,)] = command
            if isinstance(command, click.Group):
                found |= {(name, below): inner for below, inner in command.commands.items()}
    return found


@pytest.mark.parametrize("path", sorted(every_command()), ids=" ".join)
def test_every_command_and_option_has_help(path, capsys):
    command = every_command()[path]
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))
    text = output(capsys, *path, "--help")
    assert text.startswith(f"Usage: ddkit {' '.join(path)}") and command.help.split()[0] in text


def test_the_help_lists_every_command(capsys):
    text = output(capsys, "--help")
    for name, what in COMMANDS.items():
        assert name in text and what.split()[0] in text


def test_python_m_ddkit():
    done = subprocess.run(
        [sys.executable, "-m", "ddkit", "nothing"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2 and done.stderr.startswith("ddkit: No such command 'nothing'")


def test_an_interruption(monkeypatch, capsys):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("ddkit.jobs.condense", interrupted)
    assert run(["condense"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "ddkit: interrupted"  # nothing is stored yet


def test_recipes(capsys, tmp_path):
    names = list(list_recipes())
    listed = output(capsys, "recipes", "ls")
    assert "ftd-digits-ipc1" in names and all(name in listed for name in names)
    assert output(capsys, "recipes", "check") == f"{len(names)} recipe{'s' if len(names) > 1 else ''} good\n"
    assert all(listed.split().count(name) == 1 for name in names)
    one = output(capsys, "recipes", "ls", "--data", "imagenet", "--method", "rded")
    assert [name for name in names if name in one] == ["rded-imagenet-ipc10", "rded-imagenet-ipc50"]
    assert "the published settings; needs a GPU." in one
    small = output(capsys, "recipes", "ls", "--fits", "cpu")
    assert all(name in small for name in names if name.endswith("-cpu") or "digits" in name)
    assert "needs a GPU" not in small and "ast-cifar10-ipc10" not in small.split()
    assert run(["recipes", "ls", "--method", "fdt"]) == 2
    assert "none is for method 'fdt'; did you mean ftd" in capsys.readouterr().err
    shown = output(capsys, "recipes", "show", "ftd-digits-ipc1")
    assert shown == list_recipes()["ftd-digits-ipc1"].read_text()
    resolved = output(capsys, "recipes", "show", "ftd-digits-ipc1", "--resolved")
    given, full = tomllib.loads(shown), tomllib.loads(resolved)
    assert full["method"].items() >= given["method"].items() and len(full["method"]) > len(given["method"])
    mine = tmp_path / "mine.toml"
    mine.write_text(resolved)
    assert output(capsys, "recipes", "show", str(mine), "--resolved") == resolved
    assert output(capsys, "recipes", "check", str(mine)) == "1 recipe good\n"


def test_sets(capsys):
    assert "honest %" in output(capsys, "sets", "ls")


def test_buffers(home, capsys):
    assert "buffer" in output(capsys, "buffer", "ls")
    one, two = (Buffer.open(home / "buffers", BufferKey(name, "", "", "mlp", PlainExperts())) for name in ("a", "b"))
    for expert in range(3):
        one.write(expert, torch.randn(3, 100, generator=torch.Generator().manual_seed(expert)), "float32", {})
    listed = output(capsys, "buffer", "ls")
    row = next(line for line in listed.splitlines() if one.name in line)
    assert " 3 " in row and two.name in listed
    assert output(capsys, "buffer", "verify") == f"{one.name}: 3 experts good\n{two.name}: 0 experts good\n"
    assert output(capsys, "buffer", "verify", one.name) == f"{one.name}: 3 experts good\n"
    assert output(capsys, "buffer", "rm", one.name) == f"removed {one.name}\n"
    assert not one.path.exists() and two.path.exists()


def test_show(a_run, capsys):
    text = output(capsys, "show", str(a_run))
    for part in ("method", "random", "dataset", "digits", "10 of (1, 8, 8)", "lineage", "environment", "[method]"):
        assert part in text
    recipe = output(capsys, "show", str(a_run / "set.h5"), "--recipe")
    assert recipe == (a_run / "recipe.toml").read_text()


def test_one_bad_set_among_many_does_not_end_show(a_run: Path, tmp_path: Path, capsys) -> None:
    bad, good = tmp_path / "bad.h5", output(capsys, "show", str(a_run))
    content = bytearray((a_run / "set.h5").read_bytes())
    content[-1] ^= 1
    bad.write_bytes(content)
    assert run(["show", str(bad), str(a_run), str(tmp_path / "none.h5"), "digits-ftd-ipc1"]) == 3
    out, err = capsys.readouterr()
    assert good in out and "dataset            digits" in out
    assert [line.partition(": ")[2][:4] for line in err.splitlines()] == ["set ", "set ", "show"]
    assert "2 of 4 sets cannot be read; see their lines" in err


def test_export(a_run, capsys, tmp_path):
    target = tmp_path / "digits.npz"
    assert output(capsys, "export", str(a_run), "--to", "npz", "--out", str(target)) == f"wrote {target}\n"
    with np.load(target) as arrays:
        assert arrays["image"].shape == (10, 1, 8, 8) and arrays["label"].tolist() == list(range(10))
        assert 0 <= arrays["raw"].min() and arrays["raw"].max() <= 1


def test_condense_and_evaluate(home, tmp_path, capsys):
    tiny = (
        "evaluate.steps=2",
        "evaluate.epochs=1",
        "evaluate.nets=2",
        "evaluate.whole=false",
        "net.name=convnet",
        "net.width=4",
    )
    more = [part for setting in tiny for part in ("--set", setting)]
    folder, json_file = tmp_path / "run", tmp_path / "table.json"
    text = output(capsys, "condense", "--method", "herding", "--device", "cpu", "--out", str(folder), *more)
    assert all(row in text for row in ("herding", "random-real", "kmeans", "accuracy", f"set: {folder / 'set.h5'}"))
    text = output(capsys, "evaluate", str(folder), "--device", "cpu", "--no-baselines", "--json", str(json_file))
    assert "herding" in text and "random-real" not in text and json_file.exists()


def test_doctor(home, capsys):
    text = output(capsys, "doctor", "--no-smoke")
    assert "compiled by" in text or "none, autograd is used" in text
    for part in ("torch", version("torch"), "threads", "home", str(home), "buffers", "0 (0.0 MiB)", "recipes"):
        assert part in text
    assert "smoke" not in text


def test_a_doctor_who_finds_something(home, monkeypatch):
    monkeypatch.setattr("ddkit.jobs.doctor", lambda smoke: ({"smoke job": "FAILED"}, False))
    assert run(["doctor"]) == 1
