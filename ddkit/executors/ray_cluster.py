"""Find Ray and join a cluster. Ray is optional: it is imported only when a user chooses it."""

import os
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ddkit.errors import UsageError

RESPONSE = 10.0
"""Seconds within which a cluster must respond."""


def installed() -> Any:
    """The module ray.

    Raises:
        UsageError: it is not installed.
    """
    if "ray" not in sys.modules and has_token():  # Ray reads the variable when it is imported
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # `ray start` asks for a token on a machine that has one
    try:
        return import_module("ray")  # not by name: Ray is optional, and type checkers need not have it
    except ImportError:
        raise UsageError("executor 'ray': Ray is not installed; run: pip install 'ddkit[ray]'") from None


def connected(address: str) -> Any:
    """The module ray, connected to the cluster at an address; "": to a new one on this machine.

    Raises:
        UsageError: the cluster cannot be joined, or this process has joined another one.
    """
    ray = installed()
    import_module("ray.util.scheduling_strategies")
    if ray.is_initialized():
        joined = ray.get_runtime_context().gcs_address
        if address and not same_address(address, joined):
            raise UsageError(f"executor 'ray:{address}': this process has already joined the cluster at {joined}")
        return ray
    more = {} if address else {"include_dashboard": False}
    try:  # "local" starts a cluster, even if RAY_ADDRESS names one or one runs on this machine
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **more)
    except Exception as error:
        name = f"ray:{address}" if address else "ray"
        raise UsageError(
            f"executor '{name}': cannot join the cluster: {str(error).splitlines()[0]}; if it asks for a token, `ray "
            "get-auth-token` on its first machine prints it (docs/many-devices.md)"
        ) from None
    return ray


def has_token() -> bool:
    """Whether this user has a token of Ray, which `ray start` then requires of all who join."""
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    return named or (Path.home() / ".ray" / "auth_token").exists()


def same_address(one: str, other: str) -> bool:
    """Whether two texts HOST:PORT name the same port of the same machine."""

    def resolved(address: str) -> tuple[str, str]:
        host, _, port = address.rpartition(":")
        with suppress(OSError):
            host = socket.gethostbyname(host)
        return host, port

    return resolved(one) == resolved(other)


def refuse_no_response(address: str) -> None:
    """Refuse an address that is wrong or does not answer.

    Raises:
        UsageError: it is no HOST:PORT, or there is no response within RESPONSE seconds.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"executor 'ray:{address}': is no HOST:PORT; `ray start --head` prints the address")
    try:
        socket.create_connection((host, int(port)), timeout=RESPONSE).close()
    except OSError as error:
        raise UsageError(
            f"executor 'ray:{address}': there is no response ({error.strerror or error}); start a cluster with "
            "`ray start --head`, or use the executor 'ray' for one on this machine"
        ) from None
