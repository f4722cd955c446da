"""Units that begin while this process still does other work, on the cores that it leaves idle."""

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing import connection
from typing import Any, ClassVar

import torch

from ddkit.errors import DDKitError
from ddkit.executors.child import fork
from ddkit.executors.choice import executor_in_use
from ddkit.executors.contract import Needs, SomeUnit, Unit, Watch
from ddkit.executors.local import LocalExecutor
from ddkit.executors.processes import Pool


class Ahead:
    """Processes of this machine that have begun units. It is the executor of a later call that has these units.

    The caller calls `poll` from time to time, and either runs the units by this executor or calls `close`. A unit that
    fails or whose process dies too often is run again by `run`, which then raises its error.
    """

    name: ClassVar[str] = "local"
    elsewhere: ClassVar[bool] = False

    def __init__(
        self, units: Sequence[Unit], common: Any, executor: LocalExecutor, count: int, lost: Callable[[str], None]
    ) -> None:
        self._executor = executor
        self._finished: list[tuple[Any, Any]] = []
        self._pool = Pool(list(units), partial(fork, common), Watch(lost=lost))
        with suppress(DDKitError):  # no process could be started; `run` begins what has not begun
            for _ in range(min(count, len(units))):
                self._pool.add()

    @staticmethod
    def begin(units: Sequence[Unit], common: Any, needs: Needs, lost: Callable[[str], None]) -> "Ahead | None":
        """Begin units, in their order, on the cores that this process leaves idle.

        Args:
            units, common: as for `Executor.run`.
            needs: of one unit.
            lost: as in `Watch`.

        Returns:
            None if the executor in use does not fork processes of this machine, or no core is idle.
        """
        executor = executor_in_use()
        if not isinstance(executor, LocalExecutor) or needs.device.type != "cpu":
            return None
        idle = executor.at_once(needs) - torch.get_num_threads()
        return Ahead(units, common, executor, idle, lost) if idle > 0 and units else None

    def poll(self) -> None:
        """Receive what the processes have sent, without waiting."""
        try:
            while ready := connection.wait(list(self._pool.children), 0):
                for pipe in ready:
                    self._finished += self._pool.receive(pipe)
        except Exception:  # the unit is run again by `run`; its error must not end the other work of this process
            self.close()

    def close(self) -> None:
        """End the processes. Finished units are kept."""
        self._pool.waiting.clear()
        self._pool.close()

    def at_once(self, needs: Needs) -> int:
        return self._executor.at_once(needs)

    def run(
        self, units: Sequence[SomeUnit], common: Any, needs: Needs, watch: Watch
    ) -> Generator[tuple[SomeUnit, Any], None, None]:
        """Run units, as `Executor.run` does. A unit that has begun and equals one of them is not begun again."""
        count = max(1, self._executor.count(units, needs))
        self._pool.waiting.clear()
        self.poll()
        if any(child.unit not in units for child in self._pool.children.values()):
            self.close()
        begun = [unit for unit, _ in self._finished] + [child.unit for child in self._pool.children.values()]
        wanted = {id(own): unit for own in begun for unit in units if own == unit}
        found = [id(unit) for unit in wanted.values()]
        pool = Pool([unit for unit in units if id(unit) not in found], partial(fork, common), watch)
        self._pool.watch = Watch(lambda own, value: watch.progress(wanted[id(own)], value), watch.lost)
        try:
            yield from ((wanted[id(own)], result) for own, result in self._finished if id(own) in wanted)
            while self._pool.children or pool.children or pool.waiting:
                while pool.waiting and len(self._pool.children) + len(pool.children) < count:
                    pool.add()
                for ready in connection.wait([*self._pool.children, *pool.children]):
                    if ready in pool.children:
                        yield from pool.receive(ready)
                    else:
                        yield from ((wanted[id(own)], result) for own, result in self._pool.receive(ready))
        finally:
            pool.close()
            self.close()
