"""Read single rows of expert trajectories."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ddkit.device_copy import to_device
from ddkit.experts.trajectories.buffer import Buffer


@dataclass(frozen=True, eq=False)
class Trajectories:
    """The first `count` experts of a buffer. Rows are mapped. The checksum of a row is checked on its first use.

    `trained` is the number of experts that were missing and were trained.
    """

    buffer: Buffer
    count: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    trained: int = 0
    _open: dict[int, tuple[np.memmap, np.ndarray, str]] = field(default_factory=dict, repr=False)
    _checked: set[tuple[int, int]] = field(default_factory=set, repr=False)

    def row(self, expert: int, epoch: int) -> Tensor:
        """Parameters [P], float32 on `device`, of one expert after `epoch` epochs.

        Raises:
            DataError: the file is missing or damaged.
        """
        if expert not in self._open:
            self._open[expert] = self.buffer.layout(expert)
        rows, crc, dtype = self._open[expert]
        raw = np.array(rows[epoch])
        if (expert, epoch) not in self._checked:
            self.buffer.check_row(expert, epoch, raw, crc)
            self._checked.add((expert, epoch))
        theta = (
            torch.from_numpy(raw.view(np.int16)).view(torch.bfloat16) if dtype == "bfloat16" else torch.from_numpy(raw)
        )
        return to_device(theta.float(), self.device)
