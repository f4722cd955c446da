"""The `ddkit` command: one click command a file; each parses, calls one library function, and prints.

Commands are imported when they are used, so that `ddkit --help` needs no torch. Errors a user can make end in one line
on standard error and the exit code the error knows: 2 usage or recipe, 3 data or file, 4 numerical, 5 in use by
another run, and 128 + the signal (130 Ctrl-C, 143 SIGTERM, 129 SIGHUP).
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.cli.entry import main

__all__ = ["main"]
