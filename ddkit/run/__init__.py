"""Long work that shows progress and can be killed and resumed. It depends on no method, data or network.

`drive` runs the init/step/finish of a method in a folder; it writes metrics and checkpoints there and returns the last
state. The package has atomic file writes, sealed files, small JSON files, locks, the run folder, checkpoints, the outer
loop with its check for numerical errors, and progress.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.run.atomic import atomic_write, sweep
    from ddkit.run.checkpoint import checkpoint_iteration, pack_state, read_checkpoint, unpack_state, write_checkpoint
    from ddkit.run.folder import CHECKPOINT, SNAPSHOTS, Change, RunFolder
    from ddkit.run.json_file import AGAIN, read_json, read_text, write_json
    from ddkit.run.lock import LOCK, is_held, locked
    from ddkit.run.loop import drive
    from ddkit.run.messages import RecordingMeter
    from ddkit.run.obstacles import refuse_no_file, refuse_no_folder
    from ddkit.run.one_ahead import OneAhead
    from ddkit.run.process import is_gone
    from ddkit.run.progress import Meter, PassingMeter, SilentMeter, terminal_meter
    from ddkit.run.sealed import HDF5, HEAD, Seal, atomic_hdf5, atomic_sealed, check_seal, payload, place
    from ddkit.run.seconds import Seconds, SecondsFiles, Spent

__all__ = [
    "atomic_write",
    "sweep",
    "AGAIN",
    "read_json",
    "read_text",
    "write_json",
    "LOCK",
    "is_gone",
    "is_held",
    "locked",
    "checkpoint_iteration",
    "pack_state",
    "read_checkpoint",
    "unpack_state",
    "write_checkpoint",
    "CHECKPOINT",
    "SNAPSHOTS",
    "Change",
    "RunFolder",
    "drive",
    "refuse_no_file",
    "refuse_no_folder",
    "OneAhead",
    "Meter",
    "RecordingMeter",
    "PassingMeter",
    "SilentMeter",
    "terminal_meter",
    "Seconds",
    "SecondsFiles",
    "Spent",
    "HDF5",
    "HEAD",
    "Seal",
    "atomic_hdf5",
    "atomic_sealed",
    "check_seal",
    "payload",
    "place",
]
