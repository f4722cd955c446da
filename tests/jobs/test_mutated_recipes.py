"""Foreign recipes are good or refused in one line, soon and in little memory."""

import os
import subprocess
import sys

import pytest
from mutated_recipes import SLOW, campaign

from ddkit.errors import RecipeError
from ddkit.jobs import resolved_toml
from ddkit.jobs.recipes.resolve import resolve
from ddkit.recipe_files import find_recipe


def test_several_hundred_mutated_recipes_are_good_or_one_line_soon(tmp_path):
    outcomes = dict(campaign(400, tmp_path))
    tracebacks = {seed: repr(found)[:300] for seed, found in outcomes.items() if isinstance(found, BaseException)}
    assert not tracebacks
    assert not {seed: found for seed, found in outcomes.items() if found.seconds > SLOW}
    good = sum(found.line is None for found in outcomes.values())
    assert 10 < good < 200  # else nothing is tried


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[method]\nname = {a = 1}\n', "must name its kind"),
        ('[method]\nname = "dm"\n[net]\nname = {a = 1}\n', "section 'net': must name its kind"),
        ('[data]\nname = {a = 1}\n[method]\nname = "dm"\n', "key 'data.name': must be a string, got {'a': 1}"),
        (f'seed = {"9" * 400}\n[method]\nname = "dm"\n', "holds an integer of more than 64 bits"),
        (f'seed = {"9" * 5000}\n[method]\nname = "dm"\n', "holds an integer of more than 64 bits"),
        (f'seed = 0x{"f" * 6000}\n[method]\nname = "dm"\n', "holds an integer of more than 64 bits"),
        (f'[method]\nname = "dm"\nlr_img = {"9" * 400}\n', "holds an integer of more than 64 bits"),
        (f"a = {'[' * 10000}", "is nested more than 8 deep"),
        (f"{'a.' * 20000}a = 1", "is nested more than 8 deep"),
        (f"[{'a . ' * 10000}a]", "is nested more than 8 deep"),
        (f"{chr(34)}a{chr(34)}" + '."a"' * 10000 + " = 1", "is nested more than 8 deep"),
        ("# " + "x" * 70000, "is larger than 65,536 bytes"),
        (f'[method]\nname = "{"x" * 5000}"', "holds a text of 5,000 characters"),
        ("\x00", "is not valid TOML"),
        ('[data]\naugment = "colour"\n[method]\nname = "dm"\n', "key 'data.augment': augmentation"),
        ('[net]\nname = "convnet"\ndepth = 300\n[method]\nname = "dm"\n', "of at least 1 and at most 256"),
        ('[net]\nname = "convnet"\ndepth = 30\n[method]\nname = "dm"\n', "section 'net': convnet(depth=30): needs"),
        ('[net]\nname = "convnet"\nwidth = 100000\n[method]\nname = "dm"\n', "of at least 1 and at most 65536"),
        ('[net]\nname = "convnet"\nnorm = "group"\nwidth = 6\n[method]\nname = "dm"\n', "section 'net': "),
        (f'[method]\nname = "dm"\nbatch_real = 1{"0" * 31}\n', "holds an integer of more than 64 bits"),
        ('[method]\nname = "dm"\nbatch_real = 3000000000\n', "at most 2147483647, got 3000000000"),
    ],
)  # fmt: skip
def test_bombs_and_what_no_data_could_mend(tmp_path, text, line):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(RecipeError) as caught:
        resolved_toml(file)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


def test_dots_and_brackets_in_texts_and_comments_are_no_depth(tmp_path):
    file = tmp_path / "mine.toml"
    path = "npz:" + "../" * 20 + "a.b.c.d.e.f.g.h.i.j.k.[[[[[[[[[[.npz"
    file.write_text(f"# {'a.' * 50}b = [[[[[[[[[[\n[data]\nname = \"{path}\" # '\n[method]\nname = 'dm'\n")
    assert resolve(recipe=file)[0].data.name == path


@pytest.mark.parametrize(
    ("assignment", "line"),
    [
        (f"seed={'1' * 5000}", "an integer of more than 64 bits"),
        (f"seed={'1' * 400}", "an integer of more than 64 bits"),
        (f"method.lr_img={'[' * 5000}", "is nested more than 8 deep"),
        ("seed=1\nmethod.ipc=7", "key 'seed': must be an integer"),
        (f"data.name={'x' * 5000}", "holds a text of 5,000 characters"),
        ("method={a=1}", "must name its kind"),
        (f"{'x' * 5000}=1", "unknown section or key"),
    ],
)
def test_overrides_are_held_to_the_same(assignment, line):
    with pytest.raises(RecipeError) as caught:
        resolve(method="dm", overrides=(assignment,))
    assert line in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_what_is_no_text_file_is_one_line_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    (tmp_path / "latin.toml").write_bytes(b'[data]\nname = "\xe9"\n')
    with (tmp_path / "huge.toml").open("wb") as file:
        file.truncate(2**30)
    found = {
        "pipe.toml": r"is no readable file \(a named pipe\)",
        "loop.toml": r"is no readable file \(not reachable",
        "latin.toml": "cannot be read .* it must be a UTF-8 text",
        "huge.toml": "is larger than 65,536 bytes",
        ".": r"is no readable file \(a folder\)",
        "a\0b.toml": r"is no readable file \(not reachable",
        "x" * 300 + ".toml": r"is no readable file \(not reachable",
    }
    for name, line in found.items():
        with pytest.raises(RecipeError, match=line):
            find_recipe(f"{tmp_path}/{name}")
    with pytest.raises(RecipeError, match="a device"):
        find_recipe("/dev/zero")


def test_dotted_keys_take_no_memory(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("a." * 20000 + "a = 1")
    sources = ["dm-digits-ipc1", str(file)]
    done = subprocess.run([sys.executable, "-c", PEAKS, *sources], capture_output=True, text=True, check=True)
    plain, bomb = (1024 * int(peak) for peak in done.stdout.split())
    assert bomb < plain + 50 * 2**20


PEAKS = """
import sys
from pathlib import Path
from ddkit.errors import DDKitError
from ddkit.jobs import resolved_toml
for source in sys.argv[1:]:
    try:
        resolved_toml(source)
    except DDKitError:
        pass
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""
"""Prints the largest memory of the process, in KiB, after each recipe."""
