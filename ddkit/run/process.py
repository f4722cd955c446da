"""Whether a process of this machine lives."""

import os


def is_gone(pid: int) -> bool:
    """Return whether no process of this machine has this number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return False
