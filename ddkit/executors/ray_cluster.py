"""Find Ray and join a cluster. Ray is optional: it is imported only when a user chooses it."""

import socket
from importlib import import_module
from typing import Any

from ddkit.errors import UsageError

RESPONSE = 10.0
"""Seconds within which a cluster must respond."""


def installed() -> Any:
    """The module ray.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module("ray")  # not by name: Ray is optional, and type checkers need not have it
    except ImportError:
        raise UsageError("executor 'ray': Ray is not installed; run: pip install 'ddkit[ray]'") from None


def connected(address: str) -> Any:
    """The module ray, connected to a cluster.

    Raises:
        UsageError: the cluster cannot be joined.
    """
    ray = installed()
    import_module("ray.util.scheduling_strategies")
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if ray.is_initialized():
        return ray
    if not address:
        ray.init(include_dashboard=False, **quiet)
        return ray
    try:
        ray.init(address=address, **quiet)
    except Exception as error:
        raise UsageError(f"executor 'ray:{address}': cannot join the cluster: {str(error).splitlines()[0]}") from None
    return ray


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
