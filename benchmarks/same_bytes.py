"""Compare the sets and scores of two versions of ddkit, from one short seeded run of every method with each version.

    python benchmarks/same_bytes.py --before COMMIT      this checkout against a commit of its own history
    python benchmarks/same_bytes.py --full               the shipped recipes of digits too (some minutes)

Both versions run on this machine, on the CPU, with one thread, each with its own DDKIT_HOME. For every job the table
compares three SHA-256 digests: `set` covers the numbers and facts of set.h5; `file` covers all of set.h5, with the
recipe, the environment and the scores; `scores` covers scores.json without seconds and notes. Exit code 1 if a set or a
score differs. A file alone may differ, because the recipe in every set contains the settings that a version adds.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import h5py

ROOT = Path(__file__).parents[1]
NET = ("net.width=4", "net.depth=2")
SCORED = ("evaluate.nets=2", "evaluate.steps=30", "evaluate.epochs=1", "evaluate.whole=false")
TRAJECTORIES = ("experts.count=2", "method.max_start_epoch=2", "method.syn_steps=5", "method.iterations=5", *NET)
MATCHING = ("method.iterations=5", *NET)
TEACHERS = ("experts.nets=convnet(depth=1, width=4, norm=batch)", "experts.epochs=2")
METHODS = {
    **dict.fromkeys(("mtt", "ftd", "ast", "datm", "best"), TRAJECTORIES),
    **dict.fromkeys(("dc", "dsa", "dm"), MATCHING),
    **dict.fromkeys(("ncfm", "ncfm-release"), ("experts.count=2", "method.expert_epochs=2", *MATCHING)),
    "infer": ("method.ipc=2", "method.iterations=5", *TEACHERS),
    "sre2l": ("method.iterations=5", *TEACHERS),
    "rded": ("method.mipc=20", *TEACHERS),
    **dict.fromkeys(("random", "herding", "kmeans"), NET),
    "mirage": (),
    "mirage-plus": (),
}
GRAPHS = ("mirage", "mirage-plus")
FULL = ("ftd-digits-ipc1", "ftd-digits-ipc10")
"""Recipes of the sets that ship."""


def jobs(full: bool) -> dict[str, tuple[str, ...]]:
    """Name -> arguments of `ddkit condense`."""
    found = {}
    for method, settings in METHODS.items():
        scored = [text for text in SCORED if method not in GRAPHS or "epochs" not in text]
        found[method] = ("--method", method, *(part for text in (*settings, *scored) for part in ("--set", text)))
    fyi = ("--fyi", "--set", "data.flips_keep_label=true")
    found["ftd+fyi"] = (*found["ftd"], *fyi)
    found["dm+fyi"] = (*found["dm"], *fyi)
    return found | ({recipe: ("--recipe", recipe) for recipe in FULL} if full else {})


def run(checkout: Path, place: Path, name: str, arguments: tuple[str, ...]) -> dict[str, str]:
    """The digests of one job."""
    out = place / name
    environment = os.environ | {
        "DDKIT_HOME": str(place / f"home-{name}"),
        "PYTHONPATH": str(checkout),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "ddkit", "condense", *arguments, "--device", "cpu", "--out", str(out)]
    done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True)
    if done.returncode:
        return dict.fromkeys(("set", "file", "scores"), f"failed: {done.stderr.strip().splitlines()[-1]}")
    scores = json.loads((out / "scores.json").read_text())
    for row in scores["scores"]:
        del row["seconds"]
    del scores["notes"]  # sentences, which a version may reword
    return {
        "set": numbers_and_facts(out / "set.h5"),
        "file": hashlib.sha256((out / "set.h5").read_bytes()).hexdigest(),
        "scores": hashlib.sha256(json.dumps(scores, sort_keys=True).encode()).hexdigest(),
    }


def numbers_and_facts(file: Path) -> str:
    """A digest of all datasets and of the root's attributes; the group `ddkit` holds recipe, environment and scores."""
    sha = hashlib.sha256()
    with h5py.File(file) as opened:

        def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
            if isinstance(item, h5py.Dataset) and not name.startswith("ddkit"):
                sha.update(f"{name} {item.dtype} {item.shape}".encode() + item[()].tobytes())

        opened.visititems(add)
        for key in sorted(opened.attrs):
            sha.update(f"{key} {opened.attrs[key]!r}".encode())
    return sha.hexdigest()


@contextmanager
def checkout_of(commit: str) -> Iterator[Path]:
    """A worktree of a commit, removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "before"
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "-q", "--detach", place, commit], check=True)
        try:
            yield place
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", place], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default="HEAD", help="the commit to compare with")
    parser.add_argument("--full", action="store_true", help="the recipes of the shipped sets too")
    parser.add_argument("--only", nargs="*", help="names of jobs; default all")
    parser.add_argument("--json", type=Path, help="also write the digests to this file")
    asked = parser.parse_args()
    chosen = {name: job for name, job in jobs(asked.full).items() if not asked.only or name in asked.only}
    tasks = [(version, name) for name in chosen for version in ("before", "now")]
    with checkout_of(asked.before) as before, tempfile.TemporaryDirectory() as folder:
        places = {"before": (before, Path(folder) / "before"), "now": (ROOT, Path(folder) / "now")}
        for _, place in places.values():
            place.mkdir()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = dict(
                zip(tasks, pool.map(lambda task: run(*places[task[0]], task[1], chosen[task[1]]), tasks), strict=True)
            )
    print(f"{'job':<18} set    file   scores   SHA-256 of the set")
    worst = 0
    for name in chosen:
        was, now = found["before", name], found["now", name]
        cells = ["equal" if was[what] == now[what] else "OTHER" for what in ("set", "file", "scores")]
        worst |= was["set"] != now["set"] or was["scores"] != now["scores"] or now["set"].startswith("failed")
        print(f"{name:<18} {'  '.join(cells)}    {now['set'][:60]}")
    if asked.json:
        asked.json.write_text(json.dumps({f"{name} {version}": found[version, name] for version, name in tasks}))
    return int(worst)


if __name__ == "__main__":
    sys.exit(main())
