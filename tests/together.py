"""Two processes that are connected as `torchrun` connects them, for tests that run in both."""

import io
import multiprocessing
import os
import signal
import socket
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ddkit.errors import DDKitError
from ddkit.ranks import Ranks, joined

FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class End:
    """How a process ended: its exit code, negative for a signal, and the line that it would print or has printed."""

    rank: int
    code: int | None
    line: str


def together(work: Callable[[Ranks], Any], count: int = 2, within: float = 120) -> list[Any]:
    """What `work(ranks)` returns in each of `count` processes with one thread: tensors, numbers, texts, or dicts or
    lists of them."""

    def run(ranks: Ranks, out: Any) -> None:
        packed = io.BytesIO()
        torch.save(work(ranks), packed)  # tensors would travel by files of this process, which ends
        out.send(packed.getvalue())

    results = []
    for end, packed in _processes(run, count, within):
        assert packed is not None and end.code == 0, f"rank {end.rank}: {end.line}"
        results.append(torch.load(io.BytesIO(packed), weights_only=True))
    return results


def ends(work: Callable[[Ranks], Any], count: int, within: float) -> list[End]:
    """How each of `count` processes ended that ran `work(ranks)`; all end within so many seconds."""
    return [end for end, _ in _processes(lambda ranks, out: work(ranks), count, within)]


def _processes(work: Callable[[Ranks, Any], None], count: int, within: float) -> list[tuple[End, bytes | None]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        started, ways = [], []
        for rank in range(count):
            here, there = FORK.Pipe(duplex=False)
            process = FORK.Process(target=_one, args=(work, (rank, count, port), there, Path(folder) / str(rank)))
            process.start()
            there.close()
            started.append(process)
            ways.append(here)
        deadline, found = time.monotonic() + within, []
        try:
            for rank, (process, way) in enumerate(zip(started, ways, strict=True)):
                packed = None
                with suppress(EOFError):
                    packed = way.recv() if way.poll(max(0, deadline - time.monotonic())) else None
                process.join(max(0, deadline - time.monotonic()))
                assert process.exitcode is not None, f"rank {rank} does not end"
                line = (Path(folder) / str(rank)).read_text().strip()
                found.append((End(rank, process.exitcode, line.removeprefix("ddkit: ")), packed))
        finally:
            for process in started:
                process.kill()
    return found


def _one(work: Callable[[Ranks, Any], None], place: tuple[int, int, int], out: Any, log: Path) -> None:
    """Run the work as a command would: an error is a line and a code."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = ("RANK", "WORLD_SIZE", "MASTER_PORT")
    os.environ.update(
        {name: str(value) for name, value in zip(names, place, strict=True)} | {"MASTER_ADDR": "127.0.0.1"}
    )
    code = 0
    try:
        with joined("cpu") as ranks:
            work(ranks, out)
    except DDKitError as error:
        os.write(2, str(error).encode())
        code = error.exit_code
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)
