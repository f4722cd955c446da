"""Measure ddkit's claims about a GPU: as many as fit into the given seconds.

    python benchmarks/gpu.py --seconds 600 --data DIR [--out DIR] [--work DIR] [--only NAME ...]
        [--pack MIB] [--take FILE ...]
    python benchmarks/gpu.py --rehearse
    python benchmarks/gpu.py --list

claims.py lists the claims, the most valuable first. Each claim runs in a separate process and adds a line to
results.jsonl in --out: status, figures, targets, hardware, versions, commit, and the end of its log. A claim that is
proven for the present sources, in results.jsonl or in benchmarks/results/gpu.jsonl, is skipped. The same command
continues with the remaining claims. Statuses:

    ok           it ran and reached its targets           missed       it ran, and a figure missed its target
    failed       its command ended with an error          overran      it was stopped at its limit
    unfinished   it was stopped; the next call continues  proven       an earlier line has status ok for these sources
    no time      its expected seconds are not left        needs FILE   --data or an earlier claim lacks this file
    elsewhere    its run folder lies on an earlier machine; copy it with --take

--data is the folder of cifar10.npz and cifar100.npz, by default $DDKIT_DATA. --work is the folder of run folders,
experts and logs. --pack MIB writes up to MIB MiB of --work into parcels in --out (at most 16 MiB each); --take unpacks
parcels of an earlier machine first. --rehearse runs every claim on the CPU at toy size, on random images, with the
engine `adjoint` in place of `captured`, in the folder `rehearsal` of --work. --list prints every claim with its targets
and its measured figures (docs/gpu.md is the same page).
The last 30 of the given seconds are reserved for stopping, parcels and the table. The exit code is 0 if no claim
failed, overran, missed a target or lacked a file; of a rehearsal, if every claim ended with "ok".
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from claims import CLAIMS
from ledger import GOOD, ROOT, Ledger, table_row
from ledger_page import page
from measure import commit
from parcel import pack, take

PUBLISHED = ROOT / "benchmarks" / "results" / "gpu.jsonl"
REHEARSAL = 240
"""Seconds that a rehearsal may take on two idle cores."""

RESERVE = 30
"""Seconds at the end for stopping a claim, for parcels and for the table."""


def toy_data(folder: Path) -> None:
    """cifar10.npz and cifar100.npz of random pixels, in the true shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    for name, classes, each in (("cifar10", 10, 24), ("cifar100", 100, 8)):
        arrays = {}
        for part, count in (("train", each), ("test", 2)):
            labels = np.repeat(np.arange(classes), count)
            arrays[f"{part}_images"] = draw.integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
            arrays[f"{part}_labels"] = labels
        np.savez(folder / f"{name}.npz", **arrays)


def facts(rehearse: bool) -> dict[str, Any]:
    """Hardware, versions and commit. Another process reads them, so that this one holds no memory on the device.

    Raises:
        SystemExit: there is no CUDA device, and this is no rehearsal.
    """
    program = (
        "import json, torch; from ddkit.jobs.machine.device import pick_device; "
        "from ddkit.jobs.machine.environment import environment; "
        "print(json.dumps([torch.cuda.is_available(), environment(pick_device('auto'))]))"
    )
    asked = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    if asked.returncode:
        sys.exit(f"gpu.py: ddkit does not work on this machine:\n{asked.stderr[-2000:]}")
    available, environment = json.loads(asked.stdout.splitlines()[-1])
    if not available and not rehearse:
        sys.exit("gpu.py: this machine has no CUDA device; --rehearse runs the same claims on the CPU at toy size")
    return {"environment": environment, "commit": commit()}


def prove(args: argparse.Namespace, out: Path) -> int:
    """Run the claims, print the table, and return the exit code."""
    begin, work = time.monotonic(), (args.work or out / "work").absolute()
    if args.rehearse:  # toy runs and toy data need a folder that no real run uses
        work = work / "rehearsal"
        data = work / "data"
        toy_data(data)
    else:
        data = Path(args.data or os.environ.get("DDKIT_DATA") or work / "data").absolute()
    take(args.take, work)
    ledger = Ledger(
        claims=[claim for claim in CLAIMS if not args.only or claim.name in args.only],
        results=out.absolute() / "results.jsonl",
        work=work,
        data=data,
        facts=facts(args.rehearse),
        earlier=(PUBLISHED,),
        rehearse=args.rehearse,
        environment={"DDKIT_DATA": str(data)},
    )
    lines = ledger.run(args.seconds - (0 if args.rehearse else RESERVE), say=lambda text: print(text, flush=True))
    if args.pack:
        print("\n".join(pack(work, out, args.pack)))
    print("\n".join(["", *map(table_row, lines), f"all of it took {time.monotonic() - begin:.0f} s"]))
    good = GOOD if args.rehearse else (*GOOD, "no time", "elsewhere", "unfinished")
    return 0 if all(line["status"] in good for line in lines) else 1


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [claim.name for claim in CLAIMS]
    ask.add_argument("--seconds", type=float, help=f"default 600; {REHEARSAL} for a rehearsal")
    ask.add_argument("--data", type=Path, help="folder with cifar10.npz and cifar100.npz; default $DDKIT_DATA")
    ask.add_argument("--out", type=Path, help="folder of results.jsonl; default runs/gpu; a rehearsal stores none")
    ask.add_argument("--work", type=Path, help="folder of run folders, experts and logs; default OUT/work")
    ask.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    ask.add_argument("--pack", type=int, default=0, metavar="MIB", help="write parcels of the work folder to OUT")
    ask.add_argument("--take", nargs="+", type=Path, default=(), metavar="FILE", help="unpack parcels first")
    ask.add_argument("--rehearse", action="store_true", help="run on the CPU at toy size, on random images")
    ask.add_argument("--list", action="store_true", help="print the claims, their targets and measured figures")
    args = ask.parse_args()
    if args.list:
        print(page(CLAIMS, PUBLISHED), end="")
        return
    if args.rehearse and args.data:
        ask.error("--rehearse uses random images; leave out --data or --rehearse")
    args.seconds = args.seconds or (REHEARSAL if args.rehearse else 600)
    if args.rehearse and not args.out:
        with TemporaryDirectory() as out:
            sys.exit(prove(args, Path(out)))
    sys.exit(prove(args, args.out or Path("runs/gpu")))


if __name__ == "__main__":
    main()
