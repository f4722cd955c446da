"""The command's way in and out: signals are taken over before anything large is imported."""

import sys
import warnings

from ddkit.cli.stopping import Stopped, Stopping
from ddkit.cli.streams import closing_code, guard_streams
from ddkit.errors import DDKitWarning


def main() -> None:
    """Run the command line and leave with its exit code."""
    stopping = Stopping()
    stopping.install()
    # PyTorch Geometric's import makes torch say that torch.jit.script is deprecated, which no user of ours can mend.
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
    plain = warnings.formatwarning
    warnings.formatwarning = lambda message, category, *where: (
        f"ddkit: {message}\n" if issubclass(category, DDKitWarning) else plain(message, category, *where)
    )
    guard_streams()
    try:
        from ddkit.cli.main import run

        code = closing_code(run(sys.argv[1:]))
        stopping.ended()
    except Stopped as stopped:  # a signal just when the command had ended
        code = 128 + stopped.number
    sys.exit(code)
