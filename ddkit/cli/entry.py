"""The entry point of the command. It installs signal handlers before it imports large modules."""

import sys
import warnings

from ddkit.cli.stopping import Stopped, Stopping
from ddkit.cli.streams import closing_code, guard_streams
from ddkit.errors import DDKitWarning
from ddkit.ranks import leads


def main() -> None:
    """Run the command line and exit with its code."""
    speaks = leads()
    stopping = Stopping(speaks)
    stopping.install()
    # Importing PyTorch Geometric makes torch warn that torch.jit.script is deprecated, which no user can change.
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
    plain = warnings.formatwarning
    warnings.formatwarning = lambda message, category, *where: (
        f"ddkit: {message}\n" if issubclass(category, DDKitWarning) else plain(message, category, *where)
    )
    if not speaks:
        warnings.simplefilter("ignore")  # rank 0 shows them
    guard_streams()
    try:
        from ddkit.cli.main import run

        code = closing_code(run(sys.argv[1:]))
        stopping.ended()
    except Stopped as stopped:  # a signal at the end of the command
        stopping.ended()  # else its timer would kill the process while Python shuts down
        code = 128 + stopped.number
    sys.exit(code)
