"""Compare executors: the same bytes on this machine and on a Ray cluster that loses workers and a node; their overhead.

    python benchmarks/executors.py same        six recipes x three sets: processes of this machine against two Ray nodes
    python benchmarks/executors.py overhead    forty tiny rows: seconds with Ray against processes, alternating

The Ray cluster is `ray.cluster_utils.Cluster` on this machine. Its two nodes have one processor each, and each has a
DDKIT_HOME of its own, so that nothing is shared with the driver. `same` kills a worker while it trains an expert and
removes a node while sets are made. Exit code 1 if a set or a score differs, or
if fewer than two units were run again.
"""

import argparse
import hashlib
import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OMP_NUM_THREADS"] = "2"

from same_bytes import numbers_and_facts

import ddkit
from ddkit.executors import executor
from ddkit.jobs.machine.environment import processor
from ddkit.run import SilentMeter

DATA = """[data]
name = "digits"
augment = "color_crop_cutout_scale_rotate"
[net]
name = "convnet"
depth = 2
width = 8
"""
EXPERTS = '[experts]\nname = "{kind}"\ncount = 6\nlr = 0.05\nbatch = 64\n'
TRAJECTORY = (
    "syn_steps = 10\nmax_start_epoch = 4\niterations = {iterations}\nlr_img = 10.0\nlr_lr = 1e-5\nlr_teacher = 0.05\n"
)
KINDS = {"mtt": "plain", "ftd": "flat", "datm": "flat"}
METHODS = ("mtt", "ftd", "datm", "dc", "dm", "herding")


class Lines(SilentMeter):
    """Prints and keeps the lines of a job, and calls a function when a piece of work begins.

    `advanced` is set once a worker has reported progress of the present piece of work.
    """

    def __init__(self, begins: Callable[[str], None] = lambda title: None) -> None:
        self.lines: list[str] = []
        self.advanced = threading.Event()
        self._begins = begins

    def say(self, line: str) -> None:
        self.lines.append(line)
        print(f"    {line}", flush=True)

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.advanced.clear()
        self._begins(title)

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self.advanced.set()


def recipe(folder: Path, method: str, iterations: int, nets: int, steps: int) -> Path:
    """The file of a small recipe."""
    text = DATA
    if method in KINDS:
        text += EXPERTS.format(kind=KINDS[method])
    text += f'[method]\nname = "{method}"\nipc = 1\n'
    if method in KINDS:
        text += TRAJECTORY.format(iterations=iterations)
    elif method != "herding":
        text += f"iterations = {iterations}\n"
    text += f"[evaluate]\nnets = {nets}\nsteps = {steps}\nepochs = 1\nwhole = false\n"
    file = folder / f"{method}.toml"
    file.write_text(text)
    return file


@contextmanager
def two_nodes(folder: Path) -> Iterator[Any]:
    """A Ray cluster with a head without processors, where the driver is, and two nodes of one processor each."""
    ray: Any = importlib.import_module("ray")
    utils: Any = importlib.import_module("ray.cluster_utils")
    cluster = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for name in ("first", "second"):
        add_node(cluster, folder / name)
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def add_node(cluster: Any, home: Path) -> None:
    cluster.add_node(num_cpus=1, env_vars={"DDKIT_HOME": str(home)})


def spare_node(cluster: Any) -> Any:
    """A node with a processor that is not the driver's."""
    driver = importlib.import_module("ray")._private.worker.global_worker.node
    return next(
        node
        for node in cluster.list_all_nodes()
        if node is not cluster.head_node and node._raylet_socket_name != driver._raylet_socket_name
    )


def digests(out: Path) -> dict[str, str]:
    """A digest of each set and each score below a comparison's folder."""
    found = {f"set {file.parent.name}": numbers_and_facts(file) for file in sorted(out.glob("*/set.h5"))}
    for file in sorted((out / "scores").glob("*.json")):
        score = json.loads(file.read_text())
        found[f"score {file.stem}"] = hashlib.sha256(json.dumps(without_seconds(score)).encode()).hexdigest()
    return found


def without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_seconds(own) for key, own in value.items() if key not in ("seconds", "digest", "crc32")}
    return value


def ray_workers(cluster: Any) -> list[int]:
    """The processes of this cluster that run a unit."""
    raylets = {process.process.pid for node in cluster.list_all_nodes() for process in node.all_processes["raylet"]}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in raylets and (folder / "cmdline").read_bytes().startswith(b"ray::work"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def kill_a_worker(cluster: Any, advanced: threading.Event) -> None:
    """Kill the worker that has used most processor time, once a worker reports progress, so in the midst of a unit."""
    if advanced.wait(120) and (workers := ray_workers(cluster)):
        os.kill(max(workers, key=processor_seconds), signal.SIGKILL)
        print("    (killed a worker)", flush=True)


def processor_seconds(process: int) -> float:
    """The processor time that a process has used; 0 if it has ended."""
    try:
        user, system = (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return 0.0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def same(folder: Path) -> bool:
    recipes = [recipe(folder, method, 60, 2, 100) for method in METHODS]
    seconds = {}
    os.environ["DDKIT_HOME"] = str(folder / "home-local")
    begin = time.perf_counter()
    with executor("local", 2):
        ddkit.compare(recipes, sets=3, out=folder / "local", device="cpu", meter=Lines())
    seconds["local"] = time.perf_counter() - begin
    os.environ["DDKIT_HOME"] = str(folder / "home-ray")
    with two_nodes(folder) as cluster:
        events: list[threading.Thread] = []

        def disturb(title: str) -> None:
            if title.startswith("training plain experts"):
                events.append(threading.Thread(target=kill_a_worker, args=(cluster, meter.advanced)))
            elif title.startswith("condensing sets"):
                events.append(threading.Thread(target=lose_a_node))
            else:
                return
            events[-1].start()

        def lose_a_node() -> None:
            time.sleep(12)
            cluster.remove_node(spare_node(cluster), allow_graceful=False)
            print("    (removed a node)", flush=True)

        begin = time.perf_counter()
        meter = Lines(disturb)
        with executor(f"ray:{cluster.address}"):
            ddkit.compare(recipes, sets=3, out=folder / "ray", device="cpu", meter=meter)
        seconds["ray"] = time.perf_counter() - begin
        for event in events:
            event.join()
    before, after = digests(folder / "local"), digests(folder / "ray")
    lost = [line for line in meter.lines if "its unit runs again" in line]
    equal = before == after
    sets, scores = (sum(key.startswith(kind) for key in before) for kind in ("set", "score"))
    print(f"{sets} sets and {scores} scores: {'equal' if equal else 'OTHER'}; {len(lost)} units were run again")
    print(f"seconds: local {seconds['local']:.1f}, ray {seconds['ray']:.1f}, on {processor()}")
    for key in before.keys() | after.keys() if not equal else ():
        if before.get(key) != after.get(key):
            print(f"    {key}: {before.get(key)} {after.get(key)}")
    homes = [name for name in ("home-ray", "first", "second") if list((folder / name).glob("buffers/*"))]
    print(f"homes with a buffer: {', '.join(homes)}")
    return equal and len(lost) >= 2 and "home-ray" in homes


def overhead(folder: Path, repeats: int) -> bool:
    """Forty rows: ten seeds of herding, with three rivals each."""
    file = recipe(folder, "herding", 1, 2, 400)
    os.environ["DDKIT_HOME"] = str(folder / "home")
    seconds: dict[str, list[float]] = {"local": [], "ray": []}
    for repeat in range(repeats):
        for name in seconds:
            begin = time.perf_counter()
            with executor(name, 2):
                found = ddkit.compare(
                    [file], sets=10, out=folder / f"{name}-{repeat}", device="cpu", meter=SilentMeter()
                )
            seconds[name].append(time.perf_counter() - begin)
            if name == "ray":
                importlib.import_module("ray").shutdown()
            print(
                f"    {name}: {seconds[name][-1]:.1f} s, {sum(len(line.scores) for line in found.lines)} scores",
                flush=True,
            )
    ratio = median(seconds["ray"]) / median(seconds["local"])
    print(f"ray / local: {ratio:.2f} (medians of {repeats}, the start of Ray included), on {processor()}")
    return ratio <= 1.3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("same", "overhead"))
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return not (same(Path(folder)) if chosen.what == "same" else overhead(Path(folder), chosen.repeats))


if __name__ == "__main__":
    sys.exit(main())
