"""The examples run without ddkit, and train to the same accuracy as the same training through ddkit."""

import ast
import os
import runpy
import subprocess
import sys
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from random_graphs import distil, random_graph_data
from sklearn.svm import SVC
from torch.utils.data import DataLoader

import ddkit
from ddkit.data import DSA, DataSettings, load_images, prepare
from ddkit.evaluation.pool import Pool
from ddkit.evaluation.trainer import train_networks
from ddkit.evaluation.training import Training
from ddkit.methods import graph_method
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream
from ddkit.synth import export_graphs

EXAMPLES = Path(__file__).parents[2] / "examples"
TRAINER = EXAMPLES / "train_on_a_set.py"


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_an_example_is_short_and_does_not_import_ddkit(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) < 40
    imported = {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.module}
    assert imported and not any(name.split(".")[0] == "ddkit" for name in imported)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ddkit.condense("herding", ipc=10, evaluate=False, out=tmp_path_factory.mktemp("run") / "herding").folder


@pytest.fixture(scope="module")
def printed(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """The accuracy that the script prints where `import ddkit` fails."""
    blocked = tmp_path_factory.mktemp("blocked")
    (blocked / "ddkit.py").write_text("raise ImportError('ddkit is not installed here')\n")
    threads = str(torch.get_num_threads())  # the last bits of a sum depend on them
    environment = os.environ | {"PYTHONPATH": str(blocked), "OMP_NUM_THREADS": threads}
    run = partial(subprocess.run, env=environment, cwd=blocked, capture_output=True)
    assert run([sys.executable, "-c", "import ddkit"]).returncode == 1
    return float(run([sys.executable, str(TRAINER), str(run_folder / "set.h5")], check=True).stdout)


def test_the_external_trainer_trains_to_the_same_number(run_folder: Path, printed: float) -> None:
    dataset = ddkit.SyntheticDataset(run_folder)
    ((x, y),) = DataLoader(dataset, batch_size=len(dataset))
    with torch.random.fork_rng():
        net = runpy.run_path(str(TRAINER))["train"](x, y)
    test = prepare(load_images("digits"), DataSettings()).test
    accuracy = float((net(test.images).argmax(1) == test.labels).float().mean())
    assert accuracy == pytest.approx(printed, abs=5e-5)  # four digits are printed
    assert accuracy > 0.8


def test_the_external_trainer_is_on_a_par_with_the_evaluator(run_folder: Path, printed: float) -> None:
    synthetic = ddkit.load(run_folder)
    net = FlatNet(parse_net("convnet(depth=2, width=32)"), (1, 8, 8), 10)
    training = Training(steps=300, batch=100, drop_at=300)
    members, lr = torch.arange(100).expand(3, -1), torch.full((3,), 0.01)
    pool = Pool(synthetic.images, synthetic.labels, members)
    trained = train_networks(net, pool, lr, training, DSA(""), stream(0, "external"))
    accuracies = trained.accuracy(prepare(load_images("digits"), DataSettings()).test)
    assert printed == pytest.approx(sum(accuracies) / 3, abs=0.05)


@pytest.mark.parametrize(
    ("script", "libraries"),
    [("train_with_lightning.py", ("lightning",)), ("train_with_transformers.py", ("transformers", "accelerate"))],
)
def test_another_trainer_trains_to_the_same_number(
    script: str, libraries: tuple[str, ...], run_folder: Path, printed: float, tmp_path: Path
) -> None:
    """The network, its start and its steps are those of train_on_a_set.py; only the loop is another library's."""
    for library in (*libraries, "datasets"):
        pytest.importorskip(library)
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads()), "HF_HOME": str(tmp_path / "hf")}
    command = [sys.executable, str(EXAMPLES / script), str(run_folder / "set.h5")]
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=True, text=True)
    assert float(run.stdout.splitlines()[-1]) == pytest.approx(printed, abs=0.006)  # two of the 360 test images


def test_scikit_learn_learns_from_an_exported_set(run_folder: Path, tmp_path: Path) -> None:
    ddkit.export(run_folder, "npz", tmp_path / "set.npz")
    command = [sys.executable, str(EXAMPLES / "train_with_scikit_learn.py"), str(tmp_path / "set.npz")]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    real = prepare(load_images("digits"), DataSettings())
    pixels, test = (
        ddkit.raw_images(ddkit.load(run_folder)).flatten(1),
        real.preprocess.inverse(real.test.images).flatten(1),
    )
    machine = SVC().fit(pixels.numpy(), ddkit.load(run_folder).labels.numpy())
    assert float(run.stdout) == pytest.approx(machine.score(test.numpy(), real.test.labels.numpy()), abs=0.003)
    assert float(run.stdout) > 0.85


def test_the_compact_trainer_expands_to_the_same_bits_and_learns(tmp_path: Path) -> None:
    settings = ("method.iterations=3", "experts.epochs=3", "experts.nets=convnet(depth=2, width=16, norm=batch)")
    made = ddkit.condense("infer", ipc=10, overrides=settings, evaluate=False, out=tmp_path / "infer").folder
    script = EXAMPLES / "train_on_a_compact_set.py"
    with h5py.File(made / "set.h5") as file:
        assert torch.equal(runpy.run_path(str(script))["expand"](file), ddkit.load(made).images)
    command = [sys.executable, str(script), str(made / "set.h5")]
    run = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, check=True)
    assert float(run.stdout) > 0.8


@pytest.mark.parametrize("uneven", [False, True])
def test_the_trainer_on_packed_images_expands_to_the_same_bits_and_learns(uneven: bool, tmp_path: Path) -> None:
    ipc = ("method.ipc=share:0.05",) if uneven else ("method.ipc=10",)
    made = ddkit.condense(
        "herding", overrides=(*ipc, "method.formation=2"), evaluate=False, out=tmp_path / "run"
    ).folder
    script = EXAMPLES / "train_on_a_packed_set.py"
    with h5py.File(made / "set.h5") as file:
        np.testing.assert_array_equal(runpy.run_path(str(script))["expand"](file), ddkit.load(made).images.numpy())
    run = subprocess.run([sys.executable, str(script), str(made / "set.h5")], capture_output=True, check=True)
    assert float(run.stdout) > 0.75


def test_hugging_face_reads_all_images(run_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    command = [sys.executable, str(EXAMPLES / "read_with_hugging_face.py"), str(run_folder / "set.h5")]
    run = subprocess.run(command, capture_output=True, check=True, env=environment, text=True)
    assert run.stdout == f"100 images of shape (1, 8, 8), labels {list(range(10))}\n"


@pytest.mark.parametrize("method", ["mirage", "mirage-plus"])
def test_pyg_learns_from_exported_graphs(method: str, tmp_path: Path) -> None:
    """Classes as labels (mirage) and soft labels (mirage-plus)."""
    plus = graph_method(method)
    settings = plus.settings_class(hops=2, ratio=0.3)
    export_graphs(distil(plus, settings, random_graph_data(5, graphs=60), 0), "pt", tmp_path / "set.pt")
    command = [sys.executable, str(EXAMPLES / "train_on_graphs.py"), str(tmp_path / "set.pt")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    first, last = map(float, run.stdout.split())
    assert last < first
