"""Announce long work before it begins, and name the setting that shortens it.

The training of missing experts and the evaluation are rehearsed before a run begins. The time of a condensation is
estimated from its first seconds.
"""

import time
from collections.abc import Mapping

from ddkit.errors import counted
from ddkit.evaluation import EvaluateSettings
from ddkit.jobs.machine.amounts import LONG, time_text
from ddkit.jobs.planning.evaluation_probe import probe_evaluation, rows_of
from ddkit.jobs.planning.expert_probe import probe_missing
from ddkit.jobs.planning.gauge import Gauge
from ddkit.jobs.recipes import Recipe
from ddkit.run import Meter, PassingMeter
from ddkit.task import Task

PROBE_SECONDS = 0.3
"""Seconds of a rehearsal. It takes longer if a few single steps do."""

FIRST = 5.0
"""Seconds of a condensation from which its whole time is estimated."""


def announce_long_work(recipe: Recipe, task: Task, evaluate: bool, meter: Meter) -> None:
    """Announce the training of missing experts, and the evaluation, if either takes longer than LONG."""
    gauge = Gauge(task.device, libraries=())  # of what it measures, only the seconds are used
    if missing := recipe.source(task).stock().missing:
        cost, _ = probe_missing(recipe, task, gauge, PROBE_SECONDS, missing)
        _announce(f"training {counted(missing, 'expert')}", cost.seconds, _shorter_experts(recipe), meter)
    if evaluate:
        images = recipe.method.counts(task.real).total * recipe.method.packing**2
        announce_long_evaluation(recipe.evaluate, images, rows_of(recipe), task, meter)


def announce_long_evaluation(settings: EvaluateSettings, images: int, rows: int, task: Task, meter: Meter) -> None:
    """Announce an honest table if it takes longer than LONG.

    The table has `rows` sets of `images` images each, beside the whole data.
    """
    gauge = Gauge(task.device)
    cost, _ = probe_evaluation(settings, images, rows, task, gauge, PROBE_SECONDS)
    _announce("the evaluation", cost.seconds, _shorter_evaluation(settings), meter)


def _shorter_experts(recipe: Recipe) -> str:
    fewer = "" if recipe.experts is None else recipe.experts.fewer
    return "lower " + ", or ".join(filter(None, (fewer, recipe.method.fewer_epochs)))


def _shorter_evaluation(settings: EvaluateSettings) -> str:
    ways = ["--set evaluate.whole=false leaves out the whole real data"] * settings.whole
    return "; ".join([*ways, f"--set evaluate.nets=2 trains 2 networks a row instead of {settings.nets}"])


def _announce(what: str, seconds: float, shorter: str, meter: Meter) -> None:
    if seconds > LONG:
        meter.say(f"{what} will take about {time_text(seconds)}; to shorten it: {shorter}")


class AnnouncingMeter(PassingMeter):
    """A meter that announces long work once, from the progress of its first FIRST seconds."""

    def __init__(self, meter: Meter, what: str, shorter: str) -> None:
        super().__init__(meter)
        self._what, self._shorter = what, shorter
        self._begin, self._first, self._total, self._estimated = 0.0, 0, 0, False

    def start(self, title: str, total: int, done: int = 0) -> None:
        self._begin, self._first, self._total, self._estimated = time.monotonic(), done, total, False
        super().start(title, total, done)

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        passed = time.monotonic() - self._begin
        if not self._estimated and passed >= FIRST and done > self._first:
            self._estimated = True
            seconds = passed / (done - self._first) * (self._total - self._first)
            _announce(self._what, seconds, self._shorter, self._meter)
        super().advance(done, values)
