"""Hold back signals during a few lines that must not be interrupted."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def held_back(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Delay these signals until the end of the block.

    The mask covers this thread alone, and the system may hand a signal to another one (a progress bar's, a test
    runner's). Python then calls the handler in the main thread in spite of the mask, so a handler that only remembers
    the signal stands in for the process's own until the block ends.
    """
    came: list[int] = []
    handlers: dict[signal.Signals, Any] = {}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.signal(number, lambda one, _: came.append(one)) for number in signals}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for one in dict.fromkeys(came):
            signal.raise_signal(one)
