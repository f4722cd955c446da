"""Pickled messages between ddkit's own processes: units, common objects and results.

Unpickling a message can run any code. ddkit therefore unpickles only messages from a child's pipe, from Ray's object
store, and from the folder of a call of the Slurm executor. No file of a user is read here.
"""

import pickle
from typing import Any


def packed(value: Any) -> bytes:
    """The message of a value. Tensors are in it by value, and a CUDA tensor arrives on the reader's first GPU."""
    return pickle.dumps(value)


def unpacked(message: bytes) -> Any:
    """The value of a message."""
    return pickle.loads(message)
