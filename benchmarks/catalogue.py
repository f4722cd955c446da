"""Make the ready-made sets of synth_sets/: each by one command, with its scores in its file.

    python benchmarks/catalogue.py --runs FOLDER [NAME ...]
    python benchmarks/catalogue.py --cards [NAME ...]

A run folder that exists is gone on with, so that an interrupted call continues. Then the set is copied to
synth_sets/NAME.h5 and its picture to synth_sets/NAME.png, and its card is written to synth_sets/NAME.md. `--cards`
writes only the cards, from the sets that exist. `ddkit sets verify NAME` trains networks on a set again.
The data must be at hand: DDKIT_DATA, or downloads (docs/data.md).
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from ddkit.jobs import ready_made_card

ROOT = Path(__file__).parent.parent

BIG = ("--set", "evaluate.whole=false")
"""The row `whole` does not depend on the set, and takes longer than all other rows of such data together."""

SETS: dict[str, tuple[str, ...]] = {
    "digits-ftd-ipc1": ("--method", "ftd", "--ipc", "1"),
    "digits-ftd-ipc10": ("--method", "ftd", "--ipc", "10"),
    **{
        f"{data}-{method}": ("--method", method, "--data", data, *BIG)
        for data in ("mutag", "imdb-binary", "proteins", "nci1", "ogbg-molbace")
        for method in ("mirage", "mirage-plus")
    },
    **{
        f"{data}-{method}-ipc{ipc}": ("--recipe", f"{method}-{data}-ipc{ipc}{cpu}", *BIG)
        for data, method, ipc, cpu in (
            ("digits", "infer", 10, ""),
            ("fashion-mnist", "infer", 10, ""),
            ("fashion-mnist", "best", 10, ""),
            ("fashion-mnist", "dm", 10, ""),
            ("fashion-mnist", "ftd", 10, ""),
            ("fashion-mnist", "best", 1, ""),
            ("fashion-mnist", "ftd", 1, ""),
            ("fashion-mnist", "dc", 1, ""),
            ("cifar10", "mtt", 1, "-cpu"),
            ("cifar10", "dsa", 1, "-cpu"),
            ("cifar10", "dm", 1, "-cpu"),
            ("cifar10", "ftd", 10, "-cpu"),
            ("cifar10", "dm", 10, "-cpu"),
        )
    },
}
"""Name of a set -> options of `ddkit condense` that make it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="sets to make; default all that synth_sets/ lacks")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--runs", type=Path, help="folder of the run folders")
    what.add_argument("--cards", action="store_true", help="write only the cards of sets that exist")
    given = parser.parse_args()
    if unknown := set(given.names) - set(SETS):
        parser.error(f"no such set: {', '.join(sorted(unknown))}; there are {', '.join(SETS)}")
    folder, failed = ROOT / "synth_sets", []
    if given.cards:
        for name in given.names or [name for name in SETS if (folder / f"{name}.h5").exists()]:
            write_card(name, folder)
        return 0
    for name in given.names or [name for name in SETS if not (folder / f"{name}.h5").exists()]:
        run = given.runs / name
        command = [sys.executable, "-m", "ddkit", "condense", *SETS[name], "--out", str(run)]
        print(f"{name}: ddkit condense {' '.join(SETS[name])}", flush=True)
        if subprocess.run([*command, *(["--resume"] if run.exists() else [])]).returncode:
            failed.append(name)
            continue
        shutil.copyfile(run / "set.h5", folder / f"{name}.h5")
        shutil.copyfile(run / "gallery.png", folder / f"{name}.png")
        write_card(name, folder)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def write_card(name: str, folder: Path) -> None:
    """Write the card of a set, with the command that makes it."""
    card = ready_made_card(name, f"ddkit condense {' '.join(SETS[name])}")
    (folder / f"{name}.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
