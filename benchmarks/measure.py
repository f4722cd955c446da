"""Functions of all benchmarks: alternating timing, the machine's convolution rate, FLOPs, peak memory, results."""

import argparse
import datetime
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ddkit.jobs.machine.environment import environment, processor
from ddkit.nets import FlatNet
from ddkit.randomness import stream


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def alternate(
    programs: Mapping[str, Callable[[], Any]],
    repeats: int,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each program's runs. After one warm-up round the programs run in turn, so a slow minute slows all.

    On one thread of a busy machine, the clock `time.process_time` leaves out the time of other jobs.
    """
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for repeat in range(repeats + 1):
        for name, program in programs.items():
            synchronise(device)
            begin = clock()
            program()
            synchronise(device)
            if repeat:
                seconds[name].append(clock() - begin)
    return seconds


def forward_flops(net: FlatNet) -> int:
    """FLOPs (two a multiply-add) of one image's forward pass."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        net(torch.empty(net.parameters), torch.empty(1, *net.shape))
    return int(counter.get_total_flops())


def convolution_rate(
    channels: int, side: int, batch: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> float:
    """FLOP/s of a 3x3 convolution [batch, channels, side, side], channels last: the best of 20."""
    draw = stream(0, "rate")
    x = torch.randn(batch, channels, side, side, generator=draw).to(device, dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    w = torch.randn(channels, channels, 3, 3, generator=draw).to(device, dtype)
    w = w.contiguous(memory_format=torch.channels_last)
    seconds = alternate({"conv": lambda: torch.conv2d(x, w, padding=1)}, 20, device)["conv"]
    return 2 * 9 * channels**2 * side**2 * batch / min(seconds)


def resident_growth(program: Callable[[], Any], device: torch.device) -> float:
    """MiB of a program's peak memory above the memory in use before. On a CPU: of the process; once a process."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
        program()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - held) / 2**20
    Path("/proc/self/clear_refs").write_text("5")  # forget the high-water mark
    held = _status("VmRSS")
    program()
    return (_status("VmHWM") - held) / 2**10


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def summary(seconds: Mapping[str, list[float]], textbook: str) -> dict[str, dict[str, float]]:
    """Median seconds and the ratio of medians, textbook over each."""
    base = median(seconds[textbook])
    return {
        name: {"seconds": median(runs), "ratio": base / median(runs), "fastest": min(runs)}
        for name, runs in seconds.items()
    }


def commit() -> str:
    """The short name of the commit; "unknown" in a copy without git's files, or on a machine without git."""
    try:
        here = Path(__file__).parent
        asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=here)
    except OSError:
        return "unknown"
    return asked.stdout.strip() or "unknown"


RESULTS = str(Path(__file__).parent / "results")


def save(
    file: str, setting: Mapping[str, Any], rows: Mapping[str, Any], device: torch.device, folder: str = RESULTS
) -> None:
    """Add one line to `file` in a folder, by default benchmarks/results."""
    record = {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        **setting,
        "rows": rows,
        "threads": torch.get_num_threads(),
        "environment": environment(device),
        "host": f"{processor()}, {os.cpu_count()} cores",
    }
    Path(folder).mkdir(parents=True, exist_ok=True)
    with (Path(folder) / file).open("a") as results:
        results.write(json.dumps(record) + "\n")


def row_argument(ask: argparse.ArgumentParser, rows: Iterable[str]) -> None:
    """Add the argument ROW ..., names of `rows`; none means all. (argparse's `choices` would offer `[]` too.)"""
    names = list(rows)

    def row(name: str) -> str:
        if name not in names:
            raise argparse.ArgumentTypeError(f"unknown row '{name}'; choose from {', '.join(names)}")
        return name

    ask.add_argument("rows", nargs="*", type=row, metavar="ROW", default=names, help=f"{', '.join(names)}; default all")
