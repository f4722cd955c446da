"""Pickled messages between ddkit's own processes: units, common objects and results.

Whoever can write such a message can run any code, so it comes from a child's pipe, from Ray's object store, or from the
own folder of a call of the Slurm executor. No file of a user is ever read here.
"""

import pickle
from typing import Any


def packed(value: Any) -> bytes:
    """The message of a value. Tensors are in it by value, and a CUDA tensor arrives on the reader's first GPU."""
    return pickle.dumps(value)


def unpacked(message: bytes) -> Any:
    """The value of a message."""
    return pickle.loads(message)
