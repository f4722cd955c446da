"""Connections by which each rank learns that another one has ended, so that all end together.

Rank 0 has one TCP connection to each other rank. A rank that ends sends its exit code and its error line. Rank 0
forwards them at once. The system closes the connections of a killed process, so a connection that closes without a
message is a kill or a crash. TCP's keepalive detects a lost machine.

A thread watches the connections. A collective operation of PyTorch can wait forever for a lost rank and does not let
Python handle signals. Therefore the thread interrupts the main thread after INTERRUPT seconds, and ends the process
after FORCE seconds if the main thread has not ended it by then.
"""

import json
import os
import selectors
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

INTERRUPT = 1.0
"""Seconds after a loss until the main thread is interrupted."""

FORCE = 5.0
"""Seconds after a loss until the process is ended."""

LONGEST = 2**16
"""Bytes of a message at most."""


@dataclass(frozen=True)
class Loss:
    """Another rank has ended: its exit code and error line, or None and "" if it sent none."""

    rank: int
    code: int | None = None
    line: str = ""


class Lifeline:
    """The connections of one rank.

    Args:
        peers: the connected sockets by rank. Rank 0 has all others, the others have rank 0.
        last_line: the line to print if the process has to be ended; "" prints nothing.
        exit_code: the exit code in this case.
    """

    def __init__(
        self, peers: dict[int, socket.socket], last_line: Callable[[Loss], str], exit_code: Callable[[Loss], int]
    ) -> None:
        self._peers, self._last_line, self._exit_code = peers, last_line, exit_code
        self._lost: Loss | None = None
        self._noticed, self._ending = threading.Event(), threading.Event()
        for peer in peers.values():
            _keep_alive(peer)
        os.register_at_fork(after_in_child=self._forget)
        threading.Thread(target=self._watch, name="ddkit lifeline", daemon=True).start()

    def lost(self, within: float = 0.0) -> Loss | None:
        """Return the first loss. Wait for it `within` seconds at most."""
        self._noticed.wait(within)
        return self._lost

    def end(self, code: int, line: str = "") -> None:
        """Send the exit code and the error line of this rank, which ends, to the others. Code 0: they continue.

        With another code the process itself ends within FORCE seconds, even if it waits for a lost rank at its exit.
        """
        self._ending.set()
        if code:
            timer = threading.Timer(FORCE, os._exit, [code])
            timer.daemon = True
            timer.start()
        self._send({"code": code, "line": line[:1000]})

    def _send(self, message: dict[str, Any]) -> None:
        for peer in self._peers.values():
            with suppress(OSError):
                peer.sendall(json.dumps(message).encode() + b"\n")

    def _watch(self) -> None:
        selector, texts = selectors.DefaultSelector(), dict.fromkeys(self._peers, b"")
        for rank, peer in self._peers.items():
            selector.register(peer, selectors.EVENT_READ, rank)
        while selector.get_map() and self._lost is None:
            for key, _ in selector.select():
                rank = key.data
                text = _received(self._peers[rank])
                texts[rank] += text
                if text and b"\n" not in texts[rank] and len(texts[rank]) < LONGEST:
                    continue
                selector.unregister(self._peers[rank])
                loss = _loss(rank, texts[rank])
                if loss.code != 0 and self._lost is None:
                    self._lost = loss
                    self._noticed.set()
                    self._send({"rank": loss.rank, "code": loss.code, "line": loss.line})
        if self._lost is not None and not self._ending.is_set():
            self._end_all(self._lost)

    def _end_all(self, loss: Loss) -> None:
        """End this process, if possible by an exception in its main thread."""
        if not self._ending.wait(INTERRUPT) and callable(signal.getsignal(signal.SIGTERM)):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)  # which ends a sleep, too
        if self._ending.wait(FORCE - INTERRUPT):
            return
        if line := self._last_line(loss):
            with suppress(OSError):
                os.write(2, f"{line}\n".encode(errors="replace"))
        code = self._exit_code(loss)
        self.end(code)
        os._exit(code)

    def _forget(self) -> None:
        """Close the connections in a forked child, so that it does not keep them open."""
        for peer in self._peers.values():
            with suppress(OSError):
                os.close(peer.detach())


def _loss(rank: int, text: bytes) -> Loss:
    """The loss in the first message of a rank, which is about itself or another rank. No message: it was killed."""
    try:
        message = json.loads(text.partition(b"\n")[0])
        code = message["code"]
        return Loss(int(message.get("rank", rank)), None if code is None else int(code), str(message["line"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Loss(rank)


def _received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(4096)
    except OSError:
        return b""


def _keep_alive(peer: socket.socket) -> None:
    """Detect a lost machine after about 8 seconds."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in (("TCP_KEEPIDLE", 2), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
