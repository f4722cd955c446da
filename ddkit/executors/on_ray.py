"""Run units on a Ray cluster: on the nodes of a cluster that `ray start` began, or on this machine.

Ray (Ray Core) decides which unit runs where. A unit whose worker or node died is submitted again. Workers need the same
versions of Python, Ray, torch and ddkit. They need no file system in common with the driver: common objects and results
travel through Ray's object store, and the driver writes.
"""

import re
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ddkit.errors import DDKitError, UsageError
from ddkit.executors.contract import RETRIES, FileUnit, Needs, SomeUnit, Watch
from ddkit.executors.elsewhere import Unfinished
from ddkit.executors.inputs import Inputs
from ddkit.executors.messages import packed, unpacked
from ddkit.executors.ray_cluster import connected, installed, refuse_no_response
from ddkit.executors.ray_worker import Assignment, Done, Failed, Message, MessageQueue, NeedsParcel, versions, work
from ddkit.executors.room import gpu_share
from ddkit.executors.shipping import Place, marked, unpack

ANSI = re.compile(r"\x1b\[[0-9;]*m")
"""Colours in Ray's messages."""

POLL = 0.05
"""Seconds between two looks at the queue of messages."""


class RayExecutor:
    """Runs units on a Ray cluster, which it joins or starts when it is first needed.

    Args:
        address: HOST:PORT of a cluster that `ray start --head` began; "": a cluster on this machine, which starts at
            the first use and ends with the process.
        workers: the most units at once; None: as many as the cluster has room for.

    Raises:
        UsageError: Ray is not installed, or there is no response at the address.
    """

    def __init__(self, address: str = "", workers: int | None = None) -> None:
        installed()
        if address:
            refuse_no_response(address)
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
        return connected(self._address)

    def at_once(self, needs: Needs) -> int:
        """`workers`, for which the cluster is not asked; else the room of the cluster."""
        return self._workers or self._room(needs)

    def _room(self, needs: Needs) -> int:
        total = self._ray.cluster_resources()
        if needs.device.type == "cuda":
            return max(1, int(total.get("GPU", 1) / gpu_share(needs)))
        room = int(total.get("CPU", 1))
        if needs.memory:
            room = min(room, int(total.get("memory", 0) // needs.memory))
        return max(1, room)

    def run(
        self, units: Sequence[SomeUnit], common: Any, needs: Needs, watch: Watch
    ) -> Generator[tuple[SomeUnit, Any], None, None]:
        if not units:
            return
        resources = self._on_a_node(_resources(needs), needs.rough)
        with ExitStack() as stack:
            folders = dict.fromkeys(unit.folder for unit in units if isinstance(unit, FileUnit))
            places = {folder: stack.enter_context(marked(folder)) for folder in folders}
            call = _Call(self._ray, units, common, resources, watch, places)
            stack.callback(call.end)
            yield from call.results(self._workers or len(units))

    def _on_a_node(self, resources: dict[str, int | float], rough: int) -> dict[str, int | float]:
        """These resources; a rough estimate of memory is at most that of the largest node, where the unit runs alone.

        Raises UsageError if no node has them.
        """
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        least = {"CPU": resources["num_cpus"], "GPU": resources["num_gpus"], "memory": resources["memory"] / rough}
        largest = {name: max((node.get(name, 0) for node in nodes), default=0) for name in least}
        for name, amount in least.items():
            if amount > largest[name]:
                unit, scale = ("MiB of memory", 2**20) if name == "memory" else (name, 1)
                raise UsageError(
                    f"executor 'ray': one unit needs {amount / scale:.{int(amount < 1)}f} {unit}, and the largest node "
                    f"has {largest[name] / scale:.0f}; add a larger node, or use the executor 'local'"
                )
        return {**resources, "memory": int(min(resources["memory"], largest["memory"]))}


@dataclass
class _Attempt:
    """A unit that was submitted, how many of its workers died, the latest worker, and since when it runs there."""

    assignment: Assignment
    deaths: int = 0
    worker: str = ""
    begin: float = 0.0


@dataclass
class _Call:
    """One call of `RayExecutor.run`.

    Attributes:
        places: the caller's file system as seen from the folder of each `FileUnit`.
        pending: the attempts that run, by the references of their results.
        sent: references of files in the object store.
    """

    ray: Any
    units: Sequence[Any]
    common: Any
    resources: dict[str, int | float]
    watch: Watch
    places: Mapping[Path, Place]
    pending: dict[Any, _Attempt] = field(default_factory=dict)
    sent: dict[tuple[Path, ...], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ray = self.ray
        here = ray.get_runtime_context().get_node_id()
        near = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        options = {"num_cpus": 0, "scheduling_strategy": near, "max_restarts": -1, "max_task_retries": -1}
        self._queue = ray.remote(**options)(MessageQueue).remote()
        self._work = ray.remote(max_retries=0, **self.resources)(work)
        self._shared = ray.put(packed(self.common))

    def results(self, most: int) -> Generator[tuple[Any, Any], None, None]:
        """Submit all units, up to `most` at once, and yield (unit, result) as they end."""
        waiting = list(enumerate(self.units))
        while waiting or self.pending:
            while waiting and len(self.pending) < most:
                number, unit = waiting.pop(0)
                caller = self.places[unit.folder] if isinstance(unit, FileUnit) else None
                self._submit(_Attempt(Assignment(number, unit, versions(), caller)))
            ended, _ = self.ray.wait(list(self.pending), num_returns=1, timeout=POLL)
            self._read_messages()
            for reference in ended:
                attempt = self.pending.pop(reference)
                assignment, unit = attempt.assignment, self.units[attempt.assignment.number]
                response = self._response(reference, attempt)
                if response is None:
                    self._submit(
                        replace(attempt, assignment=replace(assignment, again=True), deaths=attempt.deaths + 1)
                    )
                elif isinstance(response, NeedsParcel):
                    self._submit(replace(attempt, assignment=replace(assignment, caller=None), worker=""))
                else:
                    result = unpacked(response.result)
                    sent = isinstance(unit, FileUnit) and assignment.caller is None
                    yield unit, unit.receive(result) if sent else result

    def end(self) -> None:
        """Cancel what still runs."""
        for reference in self.pending:
            with suppress(Exception):
                self.ray.cancel(reference, force=True)
        with suppress(Exception):
            self.ray.kill(self._queue)

    def _submit(self, attempt: _Attempt) -> None:
        """Submit a unit. If its worker does not see the caller's files, its parcel, with the files of this moment."""
        assignment, sent = attempt.assignment, None
        unit = self.units[assignment.number]
        if isinstance(unit, FileUnit) and assignment.caller is None:
            parcel = unit.parcel(self.common)
            assignment = replace(assignment, unit=parcel.unit)
            sent = [self._sent(tuple(parcel.files))] if parcel.files else None
        reference = self._work.remote(assignment, [self._shared], sent, self._queue)
        self.pending[reference] = attempt

    def _sent(self, files: tuple[Path, ...]) -> Any:
        """The reference of the contents of files, which are sent once however many units read them."""
        if files not in self.sent:
            self.sent[files] = self.ray.put(packed(Inputs.of(files)))
        return self.sent[files]

    def _response(self, reference: Any, attempt: _Attempt) -> Done | NeedsParcel | None:
        """The response of a worker; None if it died and its unit may run again."""
        try:
            response: Done | NeedsParcel | Failed = self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as error:  # before the unit began, for example while it was unpickled
            reason = ANSI.sub("", str(error)).strip().splitlines()[-1]
            raise DDKitError(
                f"executor 'ray': a worker cannot run a unit: {reason}; install the same packages on all nodes"
            ) from None
        except self.ray.exceptions.RayError as error:
            if attempt.deaths < RETRIES:
                return None
            reason = ANSI.sub("", str(error)).strip().splitlines()[0]
            raise DDKitError(
                f"executor 'ray': a unit's worker died {RETRIES + 1} times ({reason}); if memory is short, lower "
                "workers; run again to continue"
            ) from None
        if isinstance(response, Failed):
            raise response.error
        return response

    def _read_messages(self) -> None:
        messages: list[Message] = self.ray.get(self._queue.take.remote())
        attempts = {attempt.assignment.number: attempt for attempt in self.pending.values()}
        for message in messages:
            attempt, now = attempts.get(message.number), time.monotonic()
            if attempt is None:
                continue
            if isinstance(message.item, Unfinished):
                unpack(message.item.files, self.units[message.number].folder)
            elif message.item is not None:
                self.watch.progress(self.units[message.number], message.item)
            elif attempt.worker:
                self.watch.lost(
                    f"worker {attempt.worker} died; its unit runs again on {message.worker} "
                    f"({now - attempt.begin:.1f} s lost)"
                )
            if message.item is None:
                attempt.worker, attempt.begin = message.worker, now


def _resources(needs: Needs) -> dict[str, int | float]:
    on_gpu = needs.device.type == "cuda"
    return {"num_cpus": 1, "num_gpus": gpu_share(needs) if on_gpu else 0, "memory": 0 if on_gpu else needs.memory}
