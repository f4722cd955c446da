"""Two processes that are connected as `torchrun` connects them, for tests that run in both."""

import io
import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from typing import Any

import torch

from ddkit.ranks import Ranks, joined

fork = multiprocessing.get_context("fork")


def together(work: Callable[[Ranks], Any], count: int = 2, within: float = 120) -> list[Any]:
    """What `work(ranks)` returns in each of `count` processes with one thread: tensors, numbers, texts, or dicts or
    lists of them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    ways, processes = [], []
    for rank in range(count):
        here, there = fork.Pipe(duplex=False)
        process = fork.Process(target=_one, args=(work, rank, count, port, there))
        process.start()
        there.close()
        ways.append(here)
        processes.append(process)
    try:
        results = []
        for rank, way in enumerate(ways):
            assert way.poll(within), f"rank {rank} does not end"
            error, packed = way.recv()
            assert not error, error
            results.append(torch.load(io.BytesIO(packed), weights_only=True))
        return results
    finally:
        for process in processes:
            process.join(10)
            process.kill()


def _one(work: Callable[[Ranks], Any], rank: int, count: int, port: int, out: Any) -> None:
    torch.set_num_threads(1)
    place = {"RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in place.items()})
    for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        os.environ.pop(name, None)
    try:
        with joined("cpu") as ranks:
            result = work(ranks)
        packed = io.BytesIO()
        torch.save(result, packed)
        out.send(("", packed.getvalue()))  # tensors would travel by files of this process, which ends
    except BaseException:
        out.send((traceback.format_exc(), b""))
    os._exit(0)
