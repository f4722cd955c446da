"""The tables of a set of images, on the real data that it was made from."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from ddkit.data import DataSettings
from ddkit.errors import DataError, UsageError
from ddkit.evaluation import (
    BY_TEACHERS,
    DDRANKING,
    RIVALS,
    EvaluateSettings,
    Evaluation,
    PaperProtocol,
    evaluation_dsa,
    full_name,
    paper_protocol,
    same_for_real,
)
from ddkit.executors import executor_in_use
from ddkit.experts import Ensemble, TeacherSettings, obtain_teachers, wanted_teachers
from ddkit.home import home
from ddkit.jobs.data.loading import report_data, report_net
from ddkit.jobs.flips.guard import OVERRIDE, reason_against_flips, refuse_harmful_flips
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.jobs.planning.long_work import announce_long_evaluation
from ddkit.jobs.recipes.request import Judging
from ddkit.jobs.sets.real_data import SET_WITH_FLIPS, data_of, load_task_of, teacher_table
from ddkit.jobs.tables.image_scoring import HonestScoring, ImageScoring, PaperScoring
from ddkit.nets import OBJECT, FlatNet, NetSettings, parse_net, refuse_trained, stored_net
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter, RunFolder
from ddkit.synth import SyntheticSet, load_images
from ddkit.task import Task
from ddkit.toml import read_toml

MOST_MORE_ROWS = 3
"""Rows that DD-Ranking's scores add to a table, at most; see `ddkit.evaluation.ddranking_rows`."""

POOL = ("convnet", "alexnet", "vgg11", "resnet18")
"""Networks of cross-architecture evaluation: pool M of MTT's code, without the variant ResNet18_AP."""


def image_tables(source: SyntheticSet | str | Path, judging: Judging, meter: Meter) -> Iterator[Evaluation]:
    """Yield the tables of a set. The real data is loaded and preprocessed once.

    Scores of all tables are stored until the last one is finished. Networks of POOL for which the images are too small
    are left out; a line says so.
    """
    synthetic = source if isinstance(source, SyntheticSet) else load_images(source)
    _refuse_objects_elsewhere(judging.architectures)
    pairs, too_large = columns(synthetic, judging.protocols, judging.architectures, judging.cross)
    if too_large:
        meter.say(f"left out: {' | '.join(too_large)}")
    only(judging.overrides, ("evaluate.", OVERRIDE), "when a set is evaluated")
    explicit = () if judging.nets is None else (f"evaluate.nets={judging.nets}",)
    tables = override(read_toml(synthetic.record.recipe, "the set's recipe"), explicit + judging.overrides)
    settings = parse_table(tables.get("evaluate", {}), EvaluateSettings, "evaluation", "evaluate")
    judged = _JudgedSet(source, synthetic, data_of(synthetic, judging.overrides), settings, judging, meter)
    first = None
    finished: list[ImageScoring] = []
    with ExitStack() as held:
        for protocol, net in pairs:
            if first is None:
                first = load_task_of(synthetic, judging.data, net, judging.device)
            task = first.under(parse_net(net))
            report_net(task.net, meter)
            with fitting_threads(task.net.shape):
                scoring = judged.scoring(paper_protocol(protocol.removeprefix("paper-")), task, report=not finished)
                held.enter_context(scoring.held())
                found = scoring.evaluate(meter)
            finished.append(scoring)
            yield found
    for scoring in finished:
        scoring.clear()


@dataclass(frozen=True)
class _JudgedSet:
    """A set that is evaluated.

    Attributes:
        source: the set, its file, its run folder or its name.
        synthetic: the set.
        made_with: [data] of its recipe.
        settings: of protocol `honest`.
        judging: the request.
        meter: progress.
    """

    source: SyntheticSet | str | Path
    synthetic: SyntheticSet
    made_with: DataSettings
    settings: EvaluateSettings
    judging: Judging
    meter: Meter

    def scoring(self, paper: PaperProtocol | None, task: Task, report: bool) -> ImageScoring:
        """One table, not yet scored.

        Args:
            paper: the protocol; None: honest.
            task: the data, the network and the recipe's augmentation.
            report: whether to report the parts of the data.

        Raises:
            UsageError: images would be mirrored and must not be, or the policy of labels needs teachers that are not
                there.
        """
        settings, seed, baselines = self.settings, self.judging.seed, self.judging.baselines
        dsa = evaluation_dsa(settings.flips, task.dsa, self.synthetic.facts.expects_flips)
        if dsa.flips and (paper is None or paper.obeys_recipe):
            key, fix = ("evaluate.flips", "set it to augment") if dsa != task.dsa else ("data.augment", SET_WITH_FLIPS)
            refuse_harmful_flips(key, fix, self.made_with, task.real, self.meter)
        if report:
            report_data(task, self.meter)
        teachers = self._teachers(paper, task)
        if paper is None:
            ranked = self.judging.scores == DDRANKING
            formations = 1 if self.synthetic.facts.formation is None else 2  # rivals are whole, and packed alike
            rows = 1 + len(RIVALS) * baselines * formations + MOST_MORE_ROWS * ranked
            announce_long_evaluation(settings, len(self.synthetic), rows, task, self.meter)
            return HonestScoring(
                task=task,
                settings=settings,
                seed=seed,
                teachers=teachers,
                baselines=baselines,
                synthetic=self.synthetic,
                ranked=ranked,
            )
        return PaperScoring(
            task=task.with_augmentation(dsa),
            settings=settings,
            seed=seed,
            teachers=teachers,
            baselines=baselines,
            snapshots=self._snapshots(),
            protocol=paper,
            flips=not paper.mirrors or reason_against_flips(self.made_with, task.real, self.meter) is None,
        )

    def _teachers(self, paper: PaperProtocol | None, task: Task) -> Ensemble | None:
        """The teachers of a table; None if no row needs them or the set has none.

        If only the row of random-real with the set's labels needs them, and they are missing, they are not trained; a
        line says that the row is left out.
        """
        settings, terms = self.settings, self.synthetic.facts.label_terms
        needed = (settings if paper is None else paper).labels in BY_TEACHERS
        useful = paper is None and self.judging.baselines
        if needed or (useful and same_for_real(settings.labels, settings.temperature, [terms])):
            return _teachers_of(self.synthetic, task, needed, self.meter)
        return None

    def _snapshots(self) -> dict[str, SyntheticSet]:
        """The snapshots of a run folder and its set, by name. The last snapshot is left out if it equals the set.

        If `source` is no run folder, there is the set only.
        """
        if isinstance(self.source, SyntheticSet):
            return {"last": self.synthetic}
        files = sorted(RunFolder(Path(self.source)).snapshots.glob("iteration-*.h5"))
        snapshots = {file.stem: load_images(file) for file in files}
        different = {n: s for n, s in snapshots.items() if not torch.equal(s.images, self.synthetic.images)}
        return different | {"last": self.synthetic}


def columns(
    synthetic: SyntheticSet, protocols: Sequence[str], nets: Sequence[str] = (), cross: bool = False
) -> tuple[list[tuple[str, str]], list[str]]:
    """The protocols and networks of a set's tables. They are checked before the first training.

    Args:
        synthetic: the set.
        protocols: names; see `ddkit.evaluate`.
        nets: networks by spec; if there are none and `cross` is False, the set's own network.
        cross: also the set's own network, and the other networks of POOL with default settings.

    Returns:
        Distinct (protocol, net) pairs under their full names; and a line for each network of POOL for which the images
        are too small.

    Raises:
        UsageError: an unknown protocol or network, or the images are too small for a network of `nets`.
    """
    facts, (_, channels, height, width) = synthetic.facts, synthetic.images.shape

    def spec(net: NetSettings) -> str:
        refuse_trained(net)
        return FlatNet(net, (channels, height, width), len(facts.classes)).spec

    names = [full_name(protocol, facts.method, facts.temperature is not None) for protocol in protocols]
    specs = [spec(parse_net(net)) for net in nets]
    own = stored_net(facts.net) if cross or not nets else None
    if own is not None:
        specs.append(spec(own))
    too_large = []
    for name in POOL if cross else ():
        if own is not None and name != own.name:
            try:
                specs.append(spec(parse_net(name)))
            except UsageError as error:
                too_large.append(str(error))
    return list(dict.fromkeys(product(names, specs))), too_large


def _refuse_objects_elsewhere(nets: Sequence[str]) -> None:
    """Raise UsageError if processes of other machines would need a network that exists only in this process."""
    used = executor_in_use()
    objects = [net for net in nets if net.startswith(OBJECT)]
    if objects and used.name != "local":
        raise UsageError(
            f"evaluate: net '{objects[0]}' exists only in this process, but executor '{used.name}' runs others; put "
            "its function into a module and name it as py:module:function, or leave the executor out"
        )


def _teachers_of(synthetic: SyntheticSet, task: Task, needed: bool, meter: Meter) -> Ensemble | None:
    """The teachers of a set; None if it has none, or if they are missing and not `needed`.

    If the table can be made without teachers, missing teachers are not trained for one more row; a line says that the
    row is left out.
    """
    table = teacher_table(synthetic)
    if table is None:
        return None
    settings = parse_table(table, TeacherSettings, "the set's recipe", "experts")
    root = home() / "teachers"
    if needed:
        return obtain_teachers(root, task, settings, meter)
    reason = "are not on this machine"
    if all(teacher.here for teacher in wanted_teachers(root, task, settings)):
        try:
            return obtain_teachers(root, task, settings, meter)
        except DataError as error:
            reason = f"cannot be used: {error}"
    meter.say(f"left out: random-real with the same labels, whose teachers {reason}")
    return None
