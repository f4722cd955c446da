"""Connects the ranks: rank 0 listens on a port, and each other rank connects and sends its number."""

import secrets
import socket
import time
from contextlib import suppress
from typing import Any

from ddkit.errors import RankError
from ddkit.ranks.launch import Launch

LATE = 600.0
"""Seconds until a rank that has not connected counts as lost."""

KEY = "ddkit/lifeline"
"""The key in torch's store under which rank 0 publishes its port and a secret."""


def meet(store: Any, place: Launch) -> dict[int, socket.socket]:
    """Return connections to all other ranks (for rank 0) or to rank 0 (for the others).

    Args:
        store: torch's key-value store, which all ranks reach.
        place: this rank's.

    The listening socket is open only while the ranks meet, and only to this machine if all ranks are on it. A
    connection without the secret is closed. Waits are short, so that signals are handled.

    Raises:
        RankError: a rank did not connect within LATE seconds.
    """
    end = time.monotonic() + LATE
    return _listen(store, place, end) if place.rank == 0 else _connect(store, place, end)


def _listen(store: Any, place: Launch, end: float) -> dict[int, socket.socket]:
    here = "127.0.0.1" if place.local_count == place.count else ""
    secret = secrets.token_hex(16)
    found: dict[int, socket.socket] = {}
    with socket.create_server((here, 0), backlog=place.count) as server:
        server.settimeout(0.2)
        store.set(KEY, f"{server.getsockname()[1]} {secret}")
        while len(found) < place.count - 1:
            with suppress(TimeoutError):
                peer = server.accept()[0]
                rank = _introduced(peer, secret)
                if 0 < rank < place.count and rank not in found:
                    found[rank] = peer
                else:
                    peer.close()
            if time.monotonic() > end:
                missing = sorted(set(range(1, place.count)) - set(found))
                raise RankError(f"ranks {missing}: did not start within {LATE:.0f} s; see what torchrun says of them")
    return found


def _introduced(peer: socket.socket, secret: str) -> int:
    """The rank that a new connection sends, or -1 if its secret is wrong."""
    peer.settimeout(5)
    with suppress(OSError, ValueError):
        sent, rank = peer.makefile("rb").readline(200).decode("ascii").split()
        if secrets.compare_digest(sent, secret):
            peer.settimeout(None)
            return int(rank)
    return -1


def _connect(store: Any, place: Launch, end: float) -> dict[int, socket.socket]:
    while not store.check([KEY]):
        if time.monotonic() > end:
            raise RankError(f"rank 0: did not start within {LATE:.0f} s; see what torchrun says of it")
        time.sleep(0.05)
    port, secret = store.get(KEY).decode().split()
    host = "127.0.0.1" if place.local_count == place.count else place.host
    try:
        peer = socket.create_connection((host, int(port)), timeout=30)
    except OSError as error:
        raise RankError(f"rank {place.rank}: cannot connect to rank 0 at {host}:{port} ({error})") from None
    peer.sendall(f"{secret} {place.rank}\n".encode())
    peer.settimeout(None)
    return {0: peer}
