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
    PAPERS,
    RIVALS,
    EvaluateSettings,
    Evaluation,
    PaperProtocol,
    evaluate_as_paper,
    evaluate_honestly,
    evaluation_dsa,
    full_name,
    rows_at_once,
)
from ddkit.experts import Ensemble, TeacherSettings, obtain_teachers, wanted_teachers
from ddkit.home import home
from ddkit.jobs.data.loading import report_data
from ddkit.jobs.flips.guard import OVERRIDE, reason_against_flips, refuse_harmful_flips
from ddkit.jobs.machine.threads import fitting_threads
from ddkit.jobs.planning.long_work import announce_long_evaluation
from ddkit.jobs.recipes.request import Judging
from ddkit.jobs.sets.real_data import SET_WITH_FLIPS, data_of, load_task_of, teacher_table
from ddkit.jobs.tables.kept_rows import KeptRows
from ddkit.nets import FlatNet, parse_net
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter, RunFolder
from ddkit.synth import SyntheticSet, load_images
from ddkit.task import Task
from ddkit.toml import read_toml

POOL = ("convnet", "alexnet", "vgg11", "resnet18")
"""Networks of cross-architecture evaluation: pool M of MTT's code, without the variant ResNet18_AP."""


def image_tables(source: SyntheticSet | str | Path, judging: Judging, meter: Meter) -> Iterator[Evaluation]:
    """Yield the tables of a set. The real data is loaded and preprocessed once.

    Scores of all tables are stored until the last one is finished. Networks of POOL for which the images are too small
    are left out; a line says so.
    """
    synthetic = source if isinstance(source, SyntheticSet) else load_images(source)
    pairs, too_large = columns(synthetic, judging.protocols, judging.architectures, judging.cross)
    if too_large:
        meter.say(f"left out: {' | '.join(too_large)}")
    only(judging.overrides, ("evaluate.", OVERRIDE), "when a set is evaluated")
    explicit = () if judging.nets is None else (f"evaluate.nets={judging.nets}",)
    tables = override(read_toml(synthetic.record.recipe, "the set's recipe"), explicit + judging.overrides)
    settings = parse_table(tables.get("evaluate", {}), EvaluateSettings, "evaluation", "evaluate")
    first = None
    finished: list[KeptRows] = []
    with ExitStack() as held:
        for protocol, net in pairs:
            if first is None:
                first = load_task_of(synthetic, judging.data, net, judging.device)
            task = first.under(parse_net(net))
            paper = PAPERS.get(protocol.removeprefix("paper-"))
            work = _Column(source, synthetic, paper, settings, task, judging.seed, meter, first=not finished)
            with fitting_threads(task.net.shape):
                rows, found = work.evaluated(data_of(synthetic, judging.overrides), judging.baselines, held)
            finished.append(rows)
            yield found
    for rows in finished:
        rows.clear()


@dataclass(frozen=True)
class _Column:
    """One table: a protocol and a network.

    Attributes:
        source: the set, its file, its run folder or its name.
        synthetic: the set.
        paper: the protocol; None: honest.
        settings: of protocol honest.
        task: the data, the network and the recipe's augmentation.
        seed: of all draws.
        meter: progress.
        first: whether it is the first table, which reports the parts of the data.
    """

    source: SyntheticSet | str | Path
    synthetic: SyntheticSet
    paper: PaperProtocol | None
    settings: EvaluateSettings
    task: Task
    seed: int
    meter: Meter
    first: bool

    def evaluated(self, made_with: DataSettings, baselines: bool, held: ExitStack) -> tuple[KeptRows, Evaluation]:
        """(the folder of its scores, the table).

        Args:
            made_with: [data] of the set's recipe.
            baselines: whether the table has rivals.
            held: no other run clears the scores before it is closed.
        """
        synthetic, paper, settings, task = self.synthetic, self.paper, self.settings, self.task
        dsa = evaluation_dsa(settings.flips, task.dsa, synthetic.facts.evaluation_flip == 0.5)
        judged = task.with_augmentation(dsa)
        if dsa.flips and (paper is None or paper.obeys_recipe):
            key, fix = ("evaluate.flips", "set it to augment") if dsa != task.dsa else ("data.augment", SET_WITH_FLIPS)
            refuse_harmful_flips(key, fix, made_with, task.real, self.meter)
        if self.first:
            report_data(task, self.meter)
        policy = settings.labels if paper is None else paper.labels
        teachers = None
        static = policy == "auto" and synthetic.facts.temperature is not None and baselines
        if policy in ("static", "dynamic") or static:
            teachers = _teachers_of(synthetic, task, policy != "auto", self.meter)
        names = () if teachers is None else teachers.names
        workers = rows_at_once(judged, settings)
        terms = (paper or "honest", settings.of_a_row, self.seed, names)
        if paper is None:
            rows = KeptRows.of([synthetic], judged, *terms)
            held.enter_context(rows.in_use())
            rows.say(self.meter)
            self._announce_if_long(baselines)
            return rows, evaluate_honestly(
                synthetic,
                judged,
                settings,
                self.seed,
                self.meter,
                baselines=baselines,
                teachers=teachers,
                keep=rows,
                workers=workers,
            )
        snapshots = {"last": synthetic}
        if not isinstance(self.source, SyntheticSet):
            snapshots = _snapshots(Path(self.source), synthetic)
        flips = not paper.mirrors or reason_against_flips(made_with, task.real, self.meter) is None
        rows = KeptRows.of(snapshots.values(), judged, *terms, flips)
        held.enter_context(rows.in_use())
        rows.say(self.meter)
        return rows, evaluate_as_paper(
            snapshots,
            judged,
            paper,
            self.seed,
            self.meter,
            nets=settings.nets,
            baselines=baselines,
            teachers=teachers,
            flips=flips,
            keep=rows,
            workers=workers,
        )

    def _announce_if_long(self, baselines: bool) -> None:
        """Report how long the honest table takes, if that is long."""
        rivals = len(RIVALS) if baselines else 0
        announce_long_evaluation(self.settings, len(self.synthetic), 1 + rivals, self.task, self.meter)


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

    def spec(net: str) -> str:
        return FlatNet(parse_net(net), (channels, height, width), len(facts.classes)).spec

    names = [full_name(protocol, facts.method, facts.temperature is not None) for protocol in protocols]
    specs = [spec(net) for net in nets]
    if cross or not nets:
        specs.append(spec(facts.net))
    too_large = []
    for name in POOL if cross else ():
        if name != parse_net(facts.net).name:
            try:
                specs.append(spec(name))
            except UsageError as error:
                too_large.append(str(error))
    return list(dict.fromkeys(product(names, specs))), too_large


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


def _snapshots(source: Path, synthetic: SyntheticSet) -> dict[str, SyntheticSet]:
    """The snapshots of a run folder and its set, by name. The last snapshot is left out if it equals the set.

    If `source` is no run folder, there is the set only.
    """
    snapshots = {file.stem: load_images(file) for file in sorted(RunFolder(source).snapshots.glob("iteration-*.h5"))}
    return {n: s for n, s in snapshots.items() if not torch.equal(s.images, synthetic.images)} | {"last": synthetic}
