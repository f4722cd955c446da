"""Why a file could not be read, in words that fit into one error line."""


def reason(error: Exception) -> str:
    """The first line of another library's message, or the error's kind where it has none."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
