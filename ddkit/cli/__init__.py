"""The `ddkit` command: one click command a file; each parses, calls one library function, and prints.

Commands are imported when they are used, so that `ddkit --help` needs no torch. Errors a user can make end in one line
on standard error and the exit code the error knows: 2 usage or recipe, 3 data or file, 4 numerical, 130 interrupted.
"""

from ddkit.cli.main import main

__all__ = ["main"]
