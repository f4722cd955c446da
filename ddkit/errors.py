"""The errors a user can meet. Each is one line (what, where, what was found, what to do) and knows its exit code."""


class DDKitError(Exception):
    """Base of all errors that ddkit raises on purpose; the command line prints it without a traceback."""

    exit_code = 1


class UsageError(DDKitError):
    """A call that cannot be obeyed: an unknown name, contradicting settings, a value out of range."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe that cannot be read: bad TOML, a misspelt key, a value out of range."""


class DataError(DDKitError):
    """A file, folder or dataset that is missing, damaged or not what it should be."""

    exit_code = 3


class NumericalError(DDKitError):
    """A computation that left the finite numbers or exploded."""

    exit_code = 4


def reason(error: Exception) -> str:
    """Another library's message in words that fit into one error line: its first line, or its kind if it has none."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
