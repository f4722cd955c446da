"""Hold back signals during a few lines that must not be interrupted."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def held_back(signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Delay these signals until the end of the block.

    The mask covers only this thread. If the system delivers a signal to another thread (of a progress bar, of a test
    runner), Python calls the handler in the main thread in spite of the mask. In the block, therefore, the handler of
    each signal only records it. At the end, the old handlers are restored and the recorded signals are raised.
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
