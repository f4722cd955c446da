"""A silent meter that keeps the lines of a job."""

from ddkit.run import SilentMeter


class Listener(SilentMeter):
    """Its `lines` are in the order in which the job said them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)
