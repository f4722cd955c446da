"""Say what will take long before it begins, and which setting shortens it.

Experts that are missing and the evaluation are rehearsed before a run begins; a condensation shows within its first
seconds how long it will take.
"""

import time
from collections.abc import Mapping

from ddkit.evaluation import EvaluateSettings
from ddkit.jobs.machine.amounts import LONG, time_text
from ddkit.jobs.planning.probe import Gauge, probe_evaluation, probe_missing, rows_of
from ddkit.jobs.recipes import Recipe
from ddkit.run import Meter
from ddkit.task import Task

PATIENCE = 0.3
"""Seconds of a rehearsal; where single steps take longer, as long as a few of these."""

FIRST = 5.0
"""Seconds of a condensation that tell how long the rest will take."""


def say_what_is_long(recipe: Recipe, task: Task, evaluate: bool, meter: Meter) -> None:
    """Say that training the missing experts, or the evaluation, will take longer than LONG."""
    gauge = Gauge(task.device)
    if missing := recipe.source(task).stock().missing:
        cost, _ = probe_missing(recipe, task, gauge, PATIENCE, missing)
        _say(f"training {missing} experts", cost.seconds, _shorter_experts(recipe), meter)
    if evaluate:
        images = task.real.data.class_count * recipe.method.ipc
        say_long_evaluation(recipe.evaluate, images, rows_of(recipe), task, meter)


def say_long_evaluation(settings: EvaluateSettings, images: int, rows: int, task: Task, meter: Meter) -> None:
    """Say that an honest table will take longer than LONG; it has `rows` sets of `images` each, beside the whole
    data."""
    gauge = Gauge(task.device)
    cost, _ = probe_evaluation(settings, images, rows, task, gauge, PATIENCE)
    _say("the evaluation", cost.seconds, _shorter_evaluation(settings), meter)


def _shorter_experts(recipe: Recipe) -> str:
    fewer = "" if recipe.experts is None else recipe.experts.fewer
    return "lower " + ", or ".join(filter(None, (fewer, recipe.method.fewer_epochs)))


def _shorter_evaluation(settings: EvaluateSettings) -> str:
    ways = ["--set evaluate.whole=false leaves out the whole real data"] * settings.whole
    return "; ".join([*ways, f"--set evaluate.nets=2 trains 2 networks a row instead of {settings.nets}"])


def _say(what: str, seconds: float, shorter: str, meter: Meter) -> None:
    if seconds > LONG:
        meter.say(f"{what} will take about {time_text(seconds)}; to shorten it: {shorter}")


class Foreseeing:
    """A meter that says once, after FIRST seconds of a piece of work, that it will take longer than LONG."""

    def __init__(self, meter: Meter, what: str, shorter: str) -> None:
        self._meter, self._what, self._shorter = meter, what, shorter
        self._begin, self._first, self._total, self._told = 0.0, 0, 0, False

    def start(self, title: str, total: int, done: int = 0) -> None:
        self._begin, self._first, self._total, self._told = time.monotonic(), done, total, False
        self._meter.start(title, total, done)

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        passed = time.monotonic() - self._begin
        if not self._told and passed >= FIRST and done > self._first:
            self._told = True
            _say(self._what, passed / (done - self._first) * (self._total - self._first), self._shorter, self._meter)
        self._meter.advance(done, values)

    def finish(self) -> None:
        self._meter.finish()

    def say(self, line: str) -> None:
        self._meter.say(line)
