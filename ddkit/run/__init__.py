"""Long work that can be watched, killed and resumed; knows no method, no data and no network.

In: a method's init/step/finish and a folder. Out: the same folder with metrics, checkpoints and the last state.
Here live the atomic file write, sealed files, the run folder, checkpoints, the outer loop with its numerical guard,
progress; what asks for the free memory finds it here too.
"""

from ddkit.memory import free_memory, out_of_memory, with_causes
from ddkit.run.atomic import atomic_write
from ddkit.run.checkpoint import checkpoint_iteration, read_checkpoint, write_checkpoint
from ddkit.run.folder import SNAPSHOTS, RunFolder
from ddkit.run.loop import drive
from ddkit.run.progress import Meter, SilentMeter, terminal_meter
from ddkit.run.sealed import HDF5, HEAD, Seal, atomic_hdf5, atomic_sealed, check_seal, payload, place

__all__ = [
    "atomic_write",
    "checkpoint_iteration",
    "read_checkpoint",
    "write_checkpoint",
    "SNAPSHOTS",
    "RunFolder",
    "drive",
    "free_memory",
    "out_of_memory",
    "with_causes",
    "Meter",
    "SilentMeter",
    "terminal_meter",
    "HDF5",
    "HEAD",
    "Seal",
    "atomic_hdf5",
    "atomic_sealed",
    "check_seal",
    "payload",
    "place",
]
