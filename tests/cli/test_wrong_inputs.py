"""What a user gets wrong ends in one line that names what, where and the way out, and in the right exit code."""

import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lent_kernels import lend_kernels

from ddkit.cli.main import run

ROOT = Path(__file__).parents[2]


def refused(capsys, arguments: list[str]) -> tuple[int, str]:
    """(exit code, the line) of a command that does nothing but refuse."""
    capsys.readouterr()
    code = run(arguments)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"ddkit: .+\n", captured.err), captured.err
    return code, captured.err


USAGE = [
    (["condense", "--method", "ftdd"], "method 'ftdd' is unknown; did you mean ftd"),
    (["condense", "--set", "method.syn_stpes=3"], r"unknown key 'method.syn_stpes'; did you mean syn_steps\?"),
    (["condense", "--ipc", "0"], "key 'method.ipc': must be an integer of at least 1, got 0"),
    (["condense", "--ipc", "500"], r"ipc 500: class \d has only \d+ training images; set method.ipc to at most that"),
    (["condense", "--data", "cifar11"], "dataset 'cifar11': is unknown; did you mean cifar10"),
    (["condense", "--set", "data.augment=flip_crop"], "'data.augment': mirrors.*'digits'.*use --set data.augment=crop"),
    (["condense", "--device", "gpu7"], "device 'gpu7': is unknown; use cuda"),
    (["condense", "--recipe", "ftd-digit-ipc1"], "recipe 'ftd-digit-ipc1': is no readable file.*did you mean ftd-d"),
    (["condense", "--set", "method.syn_steps"], "must look like section.key=value"),
    (["condense", "--set", "net.name=convnett"], "net 'convnett' is unknown; did you mean convnet"),
    (["condense", "--set", "net.depth=9"], "net"),
    (["condense", "--set", "experts.name=flatt"], "expert kind 'flatt' is unknown; did you mean flat"),
    (["condense", "--ipc", "many"], "'--ipc': 'many' is not a valid integer. See `ddkit condense --help`"),
    (["condens"], "No such command 'condens'; did you mean condense"),
    (["condense", "--metod", "ftd"], "No such option '?--metod'?.*--method.*See `ddkit condense --help`"),
    (["show"], "Missing argument 'SET...'. See `ddkit show --help`"),
]


@pytest.mark.parametrize(("arguments", "says"), USAGE, ids=[" ".join(a) for a, _ in USAGE])
def test_wrong_usage(home, tmp_path, capsys, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    code, line = refused(capsys, arguments)
    assert code == 2 and re.search(says, line), line
    assert not (tmp_path / "runs").exists() and not list(home.rglob("*.h5"))  # refused before any work


GRAPHS = [
    (
        ["condense", "--method", "mirage", "--data", "digits"],
        "digits' are images, but .* name graphs, such as digits-g",
    ),
    (
        ["condense", "--method", "mtt", "--data", "mutag"],
        r"'mutag' are graphs, but .* or a method for graphs: mirage, m",
    ),
    (["condense", "--method", "mirage", "--ipc", "3"], "option --ipc: is for images only"),
    (["condense", "--method", "mirage", "--data", "mutagg"], "graphs 'mutagg': are unknown; did you mean mutag?"),
    (["condense", "--method", "mirage", "--set", "method.hop=1"], r"unknown key 'method.hop'; did you mean hops\?"),
    (["condense", "--method", "mirage", "--device", "cuda"], "option --device: must be cpu for graphs, got 'cuda'"),
    (
        ["compare", "mirage-digits-graphs+fyi"],
        r"'mirage-digits-graphs\+fyi': is for graphs, and \+fyi is for images; leave it out",
    ),
    (["compare", "mirage-digits-graphs", "ftd-digits-ipc1"], "cannot hold recipes for images and for graphs"),
    (["compare", "mirage-digits-graphs", "--labels", "static"], "option --labels: is for images only"),
    (["graphs", "digits"], "graphs 'digits': are unknown; did you mean digits-graphs"),
    (["graphs", "mutag", "--method", "ftd"], "method 'ftd' is for images; those for graphs are mirage, mirage-plus"),
    (["graphs", "mutag", "--on", "train"], "'train' is no part to be judged on; there are: test, validation"),
    (["graphs", "mutag", "--set", "evaluate.gnns=gn"], "key 'evaluate.gnns': 'gn' is unknown; did you mean gin or gcn"),
    (["plan", "mirage-digits-graphs", "--probe-seconds", "3"], "option --probe-seconds: is for images only"),
    (
        ["teachers", "train", "--recipe", "mirage-digits-graphs"],
        "'mirage' is for graphs, but .* needs a method for ima",
    ),
]


@pytest.mark.parametrize(("arguments", "says"), GRAPHS, ids=[" ".join(a) for a, _ in GRAPHS])
def test_wrong_usage_for_graphs(home, tmp_path, capsys, monkeypatch, arguments, says):
    test_wrong_usage(home, tmp_path, capsys, monkeypatch, arguments, says)


def test_a_budget_of_one_byte_is_named_as_it_was_typed(home, tmp_path, capsys):
    command = ["condense", "--method", "mirage", "--set", "method.budget=1", "--out", str(tmp_path / "run")]
    assert run(command) == 2
    assert "a budget of 1 byte is too small: class '0'" in only_line(capsys.readouterr().err)


TARGETS = [
    ["condense", "--out", "FILE"],
    ["condense", "--method", "mirage", "--out", "FILE/below"],
    ["verify", "ftd-digits-ipc1", "--out", "FILE"],
    ["compare", "ftd-digits-ipc1", "--out", "FILE"],
    ["compare", "mirage-digits-graphs", "--out", "FILE"],
    ["compare", "ftd-digits-ipc1", "--json", "FILE/x.json"],
    ["graphs", "digits-graphs", "--out", "FILE"],
    ["graphs", "digits-graphs", "--json", "FOLDER"],
    ["evaluate", "digits-ftd-ipc1", "--json", "FOLDER"],
    ["relabel", "digits-ftd-ipc1", "--teachers", "mlp", "--out", "FILE/x.h5"],
    ["relabel", "digits-ftd-ipc1", "--teachers", "mlp", "--out", "FOLDER"],
    ["export", "digits-ftd-ipc1", "--to", "npz", "--out", "FOLDER"],
]


@pytest.mark.parametrize("arguments", TARGETS, ids=" ".join)
def test_wrong_targets(home, tmp_path, capsys, monkeypatch, arguments):
    """A file in the place of a folder, and the reverse, are refused before any work. Permissions are not blamed."""
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("kept")
    Path("FOLDER").mkdir()
    code, line = refused(capsys, arguments)
    assert code == 3
    words = (
        "it is a folder; name a file" if "FOLDER" in line else "'FILE' is a file, not a folder; choose another folder"
    )
    assert words in line and "permission" not in line
    assert Path("FILE").read_text() == "kept" and not list(home.rglob("*.h5")) and not Path("runs").exists()


WRONG_FOR_A_SET = [
    (["evaluate", "SET", "--net", "resnt18"], "net 'resnt18' is unknown; did you mean resnet18"),
    (["evaluate", "SET", "--protocol", "honesty"], "protocol 'honesty' is unknown; did you mean honest"),
    (["evaluate", "SET", "--device", "gpu7"], "device 'gpu7'"),
    (["evaluate", "SET", "--nets", "1"], "key 'evaluate.nets': must be an integer of at least 2, got 1"),
    (["evaluate", "SET", "--set", "method.ipc=3"], r"only evaluate.\* can be set"),
    (["export", "SET", "--to", "jpg"], "export kind 'jpg' is unknown; .*npz.*png|did you mean"),
]


@pytest.mark.parametrize(("arguments", "says"), WRONG_FOR_A_SET, ids=[" ".join(a) for a, _ in WRONG_FOR_A_SET])
def test_wrong_for_a_set(a_run, home, capsys, arguments, says):
    code, line = refused(capsys, [str(a_run) if word == "SET" else word for word in arguments])
    assert code == 2 and re.search(says, line), line


WRONG_FOR_A_SET_OF_GRAPHS = [
    (
        ["evaluate", "SET", "--net", "resnet18"],
        2,
        "option --net: 'resnet18' is no network for graphs; there are: gat, gcn",
    ),
    (["evaluate", "SET", "--net", "gn"], 2, "option --net: 'gn' is no network for graphs; did you mean gin or gcn"),
    (["evaluate", "SET", "--protocol", "papr"], 2, "protocol 'papr' is unknown; did you mean paper"),
    (["evaluate", "SET", "--protocol", "paper-mtt"], 2, "option --protocol: is for images only"),
    (["evaluate", "SET", "--cross"], 2, "option --cross: is for images only"),
    (["evaluate", "SET", "--data", "digits"], 2, "graphs 'digits': are unknown; did you mean digits-graphs"),
    (["evaluate", "SET", "--set", "method.hops=3"], 2, r"only evaluate.\* can be set"),
    (["export", "SET", "--to", "png"], 2, "'png' is unknown for a set of graphs; there are: h5, npz, pt"),
    (["export", "SET", "--to", "npz", "--data", "mutag"], 2, "option --data: is for images only"),
    (["relabel", "SET", "--out", "x.h5"], 3, "is a set of graphs, but a set of images is needed here; name another"),
]


@pytest.fixture(scope="session")
def graphs_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "graphs"
    settings = ("--set", "method.hops=1", "--set", "method.budget=300", "--no-evaluate", "--out", str(folder))
    assert run(["condense", "--method", "mirage-plus", *settings]) == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "says"), WRONG_FOR_A_SET_OF_GRAPHS, ids=[" ".join(a) for a, _, _ in WRONG_FOR_A_SET_OF_GRAPHS]
)
def test_wrong_for_a_set_of_graphs(graphs_run, home, tmp_path, capsys, monkeypatch, arguments, code, says):
    monkeypatch.chdir(tmp_path)
    found, line = refused(capsys, [str(graphs_run) if word == "SET" else word for word in arguments])
    assert found == code and re.search(says, line), line


@pytest.mark.parametrize("command", [["show"], ["evaluate"], ["export", "--to", "npz"]], ids=lambda c: c[0])
def test_files_that_are_no_sets(a_run, home, tmp_path, capsys, command):
    missing, cut, pickled = (tmp_path / name for name in ("missing.h5", "cut.h5", "pickled.h5"))
    content = (a_run / "set.h5").read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    pickled.write_bytes(pickle.dumps({"image": [1, 2]}))
    says = {
        missing: "there is no such file; `ddkit sets ls`",
        cut: r"is damaged \(.*\); make it again or fetch another copy",
        pickled: "is not an HDF5 file; ddkit reads only .h5 sets and never unpickles",
    }
    for path, text in says.items():
        code, line = refused(capsys, [*command, str(path)])
        assert code == 3 and f"set '{path}'" in line and re.search(text, line), line
    code, line = refused(capsys, [*command, "digits-ftd-ipc1000"])
    assert code == 3 and "set 'digits-ftd-ipc1000': is no file and no ready-made set" in line


def only_line(errors: str) -> str:
    """The one error line below the progress lines of a job that had begun."""
    lines = errors.splitlines()
    assert "Traceback" not in errors and "Error" not in errors, errors
    assert [line.startswith("ddkit: ") for line in lines] == [False] * (len(lines) - 1) + [True], errors
    return lines[-1]


def test_a_truncated_buffer(home, tmp_path, capsys):
    settings = ("experts.count=1", "method.max_start_epoch=1", "method.syn_steps=2", "net.width=4")
    command = ["condense", "--device", "cpu", "--no-evaluate", "--out", str(tmp_path / "run")]
    command += [part for setting in (*settings, "method.iterations=1") for part in ("--set", setting)]
    assert run(command) == 0
    expert = next(home.rglob("expert-000.h5"))
    expert.write_bytes(expert.read_bytes()[:2000])
    capsys.readouterr()
    shutil.rmtree(tmp_path / "run")
    code = run(command)
    line = only_line(capsys.readouterr().err)
    assert code == 3
    assert f"buffer '{expert.parent.name}': expert 0 is damaged" in line and "delete expert-000.h5 and rerun" in line
    code, line = refused(capsys, ["buffer", "verify"])
    assert code == 3 and "expert 0 is damaged" in line
    expert.unlink()
    assert run(command) == 0  # as the line says: what was refused has left no folder


def test_an_unknown_buffer(home, capsys):
    code, line = refused(capsys, ["buffer", "rm", "cifar10"])
    assert code == 3 and "buffer 'cifar10': does not exist; `ddkit buffer ls`" in line


FULL_DISK = """
import resource, sys
sys.dont_write_bytecode = True  # Python would keep a module's cut off bytecode
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from ddkit.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def test_a_full_disk(tmp_path):
    """500 digits take more than the 20 kB that a file may have here."""
    arguments = ["condense", "--method", "random", "--ipc", "50", "--no-evaluate", "--device", "cpu"]
    lend_kernels(tmp_path)  # the compiler's own files are larger, and its time is no part of this test
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, *arguments, "--out", str(tmp_path / "run")],
        env=os.environ | {"PYTHONPATH": str(ROOT), "DDKIT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 3
    line = only_line(done.stderr)
    assert re.search(r"file '.*\.h5': cannot be written: the disk is full; free some space and run again", line)
    assert not list(tmp_path.rglob("*.part"))
