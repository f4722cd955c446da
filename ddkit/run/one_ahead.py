"""Keeps a program one iteration ahead of a CUDA device."""

import torch


class OneAhead:
    """While the device computes an iteration, the program draws the next one and queues its copies and kernels.

    A method only queues its copies and kernels. Without a limit the program would queue many iterations, with the
    memory of their copies, and a signal or a metric would wait for all of them.
    """

    def __init__(self, device: torch.device | str) -> None:
        self._device = torch.device(device)
        self._ended: torch.cuda.Event | None = None

    def queued(self) -> None:
        """Wait until the device has done all iterations but the last queued one. On a CPU nothing is queued."""
        if self._device.type != "cuda":
            return
        before, self._ended = self._ended, torch.cuda.current_stream(self._device).record_event()
        if before is not None:
            before.synchronize()
