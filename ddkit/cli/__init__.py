"""The `ddkit` command. Each file is one click command, which parses options, calls one library function, and prints.

Commands are imported on first use, so that `ddkit --help` needs no torch. A user's error is printed as one line on
standard error. The exit code is that of the error's class: 2 usage or recipe, 3 data or file, 4 numerical, 5 in use by
another run, 6 another rank was killed. After a signal it is 128 + the signal (130 Ctrl-C, 143 SIGTERM, 129 SIGHUP).
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.cli.entry import main

__all__ = ["main"]
