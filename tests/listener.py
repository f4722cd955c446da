"""A silent meter that keeps what a job says."""

from ddkit.run import SilentMeter


class Listener(SilentMeter):
    """Its `said` are the lines, in their order."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)
