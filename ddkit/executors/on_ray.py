"""Run units on a Ray cluster: on the nodes of a cluster that `ray start` began, or on this machine.

Ray (Ray Core) decides which unit runs where, and runs a unit again if its worker or node died. Workers need the same
versions of Python, Ray, torch and ddkit. They need no file system in common with the driver: common objects and results
travel through Ray's object store, and the driver writes.
"""

import socket
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from ddkit.errors import DDKitError, UsageError
from ddkit.executors.contract import RETRIES, FileUnit, Needs, SomeUnit, Watch
from ddkit.executors.messages import packed, unpacked
from ddkit.executors.ray_worker import Done, Errand, Failed, Letter, Mailbox, NeedsParcel, versions, work
from ddkit.executors.shipping import Place, marked, pack
from ddkit.home import home

ANSWER = 10.0
"""Seconds within which a cluster must answer."""

POLL = 0.05
"""Seconds between two looks at the mailbox."""


class RayExecutor:
    """Runs units on a Ray cluster, which it joins or starts when it is first needed.

    Args:
        address: HOST:PORT of a cluster that `ray start --head` began; "": a cluster on this machine, which begins at
            the first use and ends with the process.
        workers: the most units at once; None: as many as the cluster has room for.

    Raises:
        UsageError: Ray is not installed, or nobody answers at the address.
    """

    def __init__(self, address: str = "", workers: int | None = None) -> None:
        _installed()
        if address:
            _refuse_silence(address)
        self._address, self._workers = address, workers

    @property
    def name(self) -> str:
        return f"ray:{self._address}" if self._address else "ray"

    @property
    def elsewhere(self) -> bool:
        return bool(self._address)

    @cached_property
    def _ray(self) -> Any:
        """The module ray, connected to the cluster."""
        return _connected(self._address)

    def at_once(self, needs: Needs) -> int:
        """`workers`, for which the cluster is not asked; else the room of the cluster."""
        return self._workers or self._room(needs)

    def _room(self, needs: Needs) -> int:
        total = self._ray.cluster_resources()
        room = int(total.get("GPU" if needs.device.type == "cuda" else "CPU", 1))
        if needs.memory and needs.device.type == "cpu":
            room = min(room, int(total.get("memory", 0) // needs.memory))
        return max(1, room)

    def run(
        self, units: Sequence[SomeUnit], common: Any, needs: Needs, watch: Watch
    ) -> Generator[tuple[SomeUnit, Any], None, None]:
        if not units:
            return
        resources = _resources(needs)
        self._refuse_what_fits_no_node(resources)
        with ExitStack() as stack:
            folders = [unit.folder for unit in units if isinstance(unit, FileUnit)]
            caller = stack.enter_context(marked(folders[0])) if folders else None
            call = _Call(self._ray, units, common, resources, watch, caller)
            stack.callback(call.end)
            yield from call.results(self._workers or len(units))

    def _refuse_what_fits_no_node(self, resources: dict[str, int]) -> None:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        wanted = {"CPU": resources["num_cpus"], "GPU": resources["num_gpus"], "memory": resources["memory"]}
        for name, amount in wanted.items():
            most = max((node.get(name, 0) for node in nodes), default=0)
            if amount > most:
                unit, scale = ("MiB of memory", 2**20) if name == "memory" else (name, 1)
                raise UsageError(
                    f"--executor ray: one unit needs {amount / scale:.0f} {unit}, and the largest node has "
                    f"{most / scale:.0f}; add a larger node, or use --executor local"
                )


@dataclass
class _Attempt:
    """A unit that was submitted, the worker that began it, and when."""

    errand: Errand
    worker: str = ""
    begin: float = 0.0


@dataclass
class _Call:
    """One call of `RayExecutor.run`."""

    ray: Any
    units: Sequence[Any]
    common: Any
    resources: dict[str, int]
    watch: Watch
    caller: Place | None
    pending: dict[Any, _Attempt] = field(default_factory=dict)
    sent: dict[tuple[Path, ...], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ray = self.ray
        here = ray.get_runtime_context().get_node_id()
        near = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        options = {"num_cpus": 0, "scheduling_strategy": near, "max_restarts": -1, "max_task_retries": -1}
        self._mailbox = ray.remote(**options)(Mailbox).remote()
        self._work = ray.remote(max_retries=RETRIES, **self.resources)(work)
        self._shared = ray.put(packed(self.common))

    def results(self, most: int) -> Generator[tuple[Any, Any], None, None]:
        """Submit all units, up to `most` at once, and yield (unit, result) as they end."""
        waiting = list(enumerate(self.units))
        while waiting or self.pending:
            while waiting and len(self.pending) < most:
                number, unit = waiting.pop(0)
                self._submit(Errand(number, unit, versions(), self.caller if isinstance(unit, FileUnit) else None))
            ended, _ = self.ray.wait(list(self.pending), num_returns=1, timeout=POLL)
            self._read_mail()
            for reference in ended:
                errand = self.pending.pop(reference).errand
                unit, answer = self.units[errand.number], self._answer(reference)
                if isinstance(answer, NeedsParcel):
                    parcel = unit.parcel(self.common)
                    self._submit(replace(errand, unit=parcel.unit, caller=None), parcel.files)
                    continue
                result = unpacked(answer.result)
                sent = isinstance(unit, FileUnit) and errand.caller is None
                yield unit, unit.receive(result) if sent else result

    def end(self) -> None:
        """Cancel what still runs."""
        for reference in self.pending:
            with suppress(Exception):
                self.ray.cancel(reference, force=True)
        with suppress(Exception):
            self.ray.kill(self._mailbox)

    def _submit(self, errand: Errand, files: Sequence[Path] = ()) -> None:
        sent = [self._sent(tuple(files))] if files else None
        reference = self._work.remote(errand, [self._shared], sent, self._mailbox)
        self.pending[reference] = _Attempt(errand)

    def _sent(self, files: tuple[Path, ...]) -> Any:
        """The reference of the contents of files, which are sent once however many units read them."""
        if files not in self.sent:
            self.sent[files] = self.ray.put(packed(pack(home(), files)))
        return self.sent[files]

    def _answer(self, reference: Any) -> Done | NeedsParcel:
        try:
            answer: Done | NeedsParcel | Failed = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            raise DDKitError(
                f"--executor ray: a unit's worker died {RETRIES + 1} times ({reason}); if memory is short, lower "
                "--workers; run again to continue"
            ) from None
        if isinstance(answer, Failed):
            raise answer.error
        return answer

    def _read_mail(self) -> None:
        letters: list[Letter] = self.ray.get(self._mailbox.take.remote())
        attempts = {attempt.errand.number: attempt for attempt in self.pending.values()}
        for letter in letters:
            attempt, now = attempts.get(letter.number), time.monotonic()
            if attempt is None:
                continue
            if letter.item is not None:
                self.watch.progress(self.units[letter.number], letter.item)
            elif attempt.worker:
                self.watch.lost(
                    f"worker {attempt.worker} died; its unit runs again on {letter.worker} "
                    f"({now - attempt.begin:.1f} s lost)"
                )
            if letter.item is None:
                attempt.worker, attempt.begin = letter.worker, now


def _resources(needs: Needs) -> dict[str, int]:
    on_gpu = needs.device.type == "cuda"
    return {"num_cpus": 1, "num_gpus": int(on_gpu), "memory": 0 if on_gpu else needs.memory}


def _installed() -> Any:
    """The module ray.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module("ray")  # not by name: Ray is optional, and type checkers need not have it
    except ImportError:
        raise UsageError("--executor ray: Ray is not installed; run: pip install 'ddkit[ray]'") from None


def _connected(address: str) -> Any:
    """The module ray, connected to a cluster.

    Raises:
        UsageError: the cluster cannot be joined.
    """
    ray = _installed()
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
        raise UsageError(f"--executor ray:{address}: cannot join the cluster: {str(error).splitlines()[0]}") from None
    return ray


def _refuse_silence(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--executor ray:{address}: is no HOST:PORT; `ray start --head` prints the address")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER).close()
    except OSError as error:
        raise UsageError(
            f"--executor ray:{address}: nobody answers there ({error.strerror or error}); begin a cluster with "
            "`ray start --head`, or use --executor ray for one on this machine"
        ) from None
