"""Judge a set: rebuild the real data it was made from, then hand over to the evaluator."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch

from ddkit.arguments import checked
from ddkit.data import DataSettings
from ddkit.errors import DataError, RecipeError, UsageError
from ddkit.evaluation import (
    PAPERS,
    EvaluateSettings,
    Evaluation,
    PaperProtocol,
    evaluate_as_paper,
    evaluate_honestly,
    evaluation_dsa,
    full_name,
)
from ddkit.experts import Ensemble, TeacherSettings, hire, posts
from ddkit.home import home
from ddkit.jobs.device import pick_device
from ddkit.jobs.flip_guard import OVERRIDE, refuse_harmful_flips, why_no_flips
from ddkit.jobs.forewarning import say_long_evaluation
from ddkit.jobs.kept_rows import KeptRows
from ddkit.jobs.lay_out import lay_out, say_data
from ddkit.jobs.probe import RIVALS
from ddkit.jobs.threads import fitting_threads
from ddkit.nets import FlatNet, parse_net
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter, RunFolder, SilentMeter
from ddkit.synth import SyntheticSet, load, shown
from ddkit.task import Task
from ddkit.toml import read_toml

POOL = ("convnet", "alexnet", "vgg11", "resnet18")
"""What the field calls cross-architecture evaluation (pool M of MTT's code, without the variant ResNet18_AP)."""

OF_THE_SET = "it is the set's, so take one made without flips"
"""How to do without flips that a set was made under."""


@checked
def evaluate(
    source: SyntheticSet | str | Path,
    *,
    protocol: str = "honest",
    data: str | None = None,
    net: str | None = None,
    nets: int | None = None,
    overrides: tuple[str, ...] = (),
    seed: int = 0,
    device: str = "auto",
    baselines: bool = True,
    meter: Meter | None = None,
) -> Evaluation:
    """Train fresh networks on a set and, alike, on its rivals; score them on the real test images.

    Args:
        source: a SyntheticSet, a file, a run folder, or the name of a ready-made set.
        protocol: "honest", or "paper", "paper-mtt", "paper-ftd", ... (see `ddkit.evaluation.PROTOCOLS`), which repeat
            what the authors did: where they select on the test set, among a run folder's snapshots for one, they say
            so. "paper" is that of the set's own method, or MTT's where it has none.
        data: where the real data is now, such as "npz:FILE"; default where it was when the set was made.
        net: another architecture, such as "resnet18" or "convnet(depth=2, norm=batch)"; default the set's own.
        nets: networks a row; default the recipe's.
        overrides: "evaluate.key=value" texts; they win over everything.
        seed: seed of initialisations, batches, augmentation and rivals.
        device: "auto", "cpu", "cuda", ...
        baselines: with random-real, herding and k-means of the same ipc.
        meter: progress; default silent.

    Example:
        >>> table = evaluate("digits-ftd-ipc1")
        >>> [(score.name, round(score.mean, 3)) for score in table.scores]

    Raises:
        UsageError: an unknown protocol or network.
        DataError: the set or its real data is missing or damaged, or they do not belong together.
    """
    synthetic = source if isinstance(source, SyntheticSet) else load(source)
    name = full_name(protocol, synthetic.facts.method, synthetic.facts.temperature is not None)
    (found,) = evaluate_columns(
        source,
        [(name, net or synthetic.facts.net)],
        data=data,
        nets=nets,
        overrides=overrides,
        seed=seed,
        device=device,
        baselines=baselines,
        meter=meter,
    )
    return found


def evaluate_columns(
    source: SyntheticSet | str | Path,
    pairs: Sequence[tuple[str, str]],
    *,
    data: str | None = None,
    nets: int | None = None,
    overrides: tuple[str, ...] = (),
    seed: int = 0,
    device: str = "auto",
    baselines: bool = True,
    meter: Meter | None = None,
) -> Iterator[Evaluation]:
    """`evaluate` for each (protocol, net) of `pairs`, as `columns` gives them, one table after the other; the real data
    is loaded and preprocessed once. Scores of all tables are kept until the last one is finished."""
    synthetic = source if isinstance(source, SyntheticSet) else load(source)
    only(overrides, ("evaluate.", OVERRIDE), "when a set is evaluated")
    explicit = () if nets is None else (f"evaluate.nets={nets}",)
    tables = override(read_toml(synthetic.record.recipe, "the set's recipe"), explicit + overrides)
    settings = parse_table(tables.get("evaluate", {}), EvaluateSettings, "evaluation", "evaluate")
    meter, first = meter or SilentMeter(), None
    finished: list[KeptRows] = []
    with ExitStack() as held:
        for protocol, net in pairs:
            if first is None:
                first = lay_out_for(synthetic, data, net, device)
            task = first.under(parse_net(net))
            paper = PAPERS.get(protocol.removeprefix("paper-"))
            work = _Column(source, synthetic, paper, settings, task, seed, meter, first=not finished)
            with fitting_threads(task.net.shape):
                rows, found = work.evaluated(data_of(synthetic, overrides), baselines, held)
            finished.append(rows)
            yield found
    for rows in finished:
        rows.clear()


@dataclass(frozen=True)
class _Column:
    """One protocol (None: honest) and one network; `task` is that of both, and the first column tells of its data."""

    source: SyntheticSet | str | Path
    synthetic: SyntheticSet
    paper: PaperProtocol | None
    settings: EvaluateSettings
    task: Task
    seed: int
    meter: Meter
    first: bool

    def evaluated(self, made_with: DataSettings, baselines: bool, held: ExitStack) -> tuple[KeptRows, Evaluation]:
        """(where its scores are kept, the table) of a set that was made with such data. Until `held` is closed nobody
        clears the scores."""
        synthetic, paper, settings, task = self.synthetic, self.paper, self.settings, self.task
        dsa = evaluation_dsa(settings.flips, task.dsa, synthetic.facts.evaluation_flip == 0.5)
        judged = task.with_augmentation(dsa)
        if dsa.flips and (paper is None or paper.obeys_recipe):
            asks = ("evaluate.flips", "let it be augment") if dsa != task.dsa else ("data.augment", OF_THE_SET)
            refuse_harmful_flips(*asks, made_with, task.real, self.meter)
        if self.first:
            say_data(task, self.meter)
        policy = settings.labels if paper is None else paper.labels
        teachers = None
        static = policy == "auto" and synthetic.facts.temperature is not None and baselines
        if policy in ("static", "dynamic") or static:
            teachers = _teachers_of(synthetic, task, policy != "auto", self.meter)
        said_by = () if teachers is None else teachers.names
        terms = (paper or "honest", settings.of_a_row, self.seed, said_by)
        if paper is None:
            rows = KeptRows.of([synthetic], judged, *terms)
            held.enter_context(rows.in_use())
            rows.say(self.meter)
            self._say_if_long(baselines)
            return rows, evaluate_honestly(
                synthetic, judged, settings, self.seed, self.meter, baselines=baselines, teachers=teachers, keep=rows
            )
        snapshots = {"last": synthetic}
        if not isinstance(self.source, SyntheticSet):
            snapshots = _snapshots(Path(self.source), synthetic)
        flips = not paper.mirrors or why_no_flips(made_with, task.real, self.meter) is None
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
        )

    def _say_if_long(self, baselines: bool) -> None:
        """Say that the honest table will take long, if so."""
        beside = RIVALS if baselines else 0
        say_long_evaluation(self.settings, len(self.synthetic), 1 + beside, self.task, self.meter)


def columns(
    source: SyntheticSet | str | Path, protocols: Sequence[str], nets: Sequence[str] = (), cross: bool = False
) -> tuple[list[tuple[str, str]], list[str]]:
    """What `evaluate_columns` takes, for a table of a set under several protocols and networks.

    All of it is checked here, before the first training takes its time.

    Args:
        source: as of `evaluate`.
        protocols: as of `evaluate`.
        nets: networks by spec; without any and without `cross`, the set's own.
        cross: also the set's own network and, with default settings, all others of the field's pool.

    Returns:
        (protocol, net) pairs under their full names, each once; and a line for each network of the pool that the
        images are too small for.

    Raises:
        UsageError: an unknown protocol or network, or the images are too small for a network of `nets`.
        DataError: the set is missing or damaged.
    """
    synthetic = source if isinstance(source, SyntheticSet) else load(source)
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


def lay_out_for(synthetic: SyntheticSet, data: str | None = None, net: str | None = None, device: str = "cpu") -> Task:
    """The real data a set was made from, held against the set's digests, and a network for it.

    Raises:
        DataError: this machine's data differs from what the set was made from, or the set's tensors were changed into
            what no set can be.
    """
    replace(synthetic)  # its checks again: tensors can be changed in place
    facts, settings = synthetic.facts, data_of(synthetic)
    settings = replace(settings, name=data) if data else settings
    task = lay_out(settings, parse_net(net or facts.net), pick_device(device))
    for what, ours, theirs in (
        ("data", task.real.data.digest, facts.data_digest),
        ("preprocessing", task.real.preprocess.digest, facts.preprocess_digest),
    ):
        if ours != theirs:
            raise DataError(
                f"set of '{facts.dataset}': was made with other {what} (digest {theirs[:8]}) than found here "
                f"({ours[:8]}); name the data it was made from with --data"
            )
    preprocess = task.real.preprocess
    for name in ("space", "mean", "std"):
        told, real = getattr(facts, name), getattr(preprocess, name, None)
        if told is not None and told != real:
            raise DataError(
                f"set of '{facts.dataset}': its {name} is {shown(told)}, but that of its preprocessing {shown(real)}; "
                "make it again from this data"
            )
    for what, mine, real in (
        ("images", tuple(synthetic.images.shape[1:]), tuple(task.real.data.shape)),
        ("classes", facts.classes, task.real.data.classes),
    ):
        if mine != real:
            raise DataError(
                f"set of '{facts.dataset}': its {what} are {shown(mine)}, but those of its data {shown(real)}; make it "
                "again from this data"
            )
    return task


def data_of(synthetic: SyntheticSet, overrides: tuple[str, ...] = ()) -> DataSettings:
    """The data a set was made from: as its recipe says, with what is laid over it, else as its facts say."""
    tables = override(read_toml(synthetic.record.recipe, "the set's recipe"), overrides)
    told = {"name": synthetic.facts.dataset, "augment": synthetic.facts.augment}
    return parse_table(told | _section(tables, "data"), DataSettings, "set", "data")


def teacher_table(synthetic: SyntheticSet) -> dict[str, Any] | None:
    """The settings of a set's teachers: those who named it last, or else its recipe's; None if it has none."""
    relabelled = json.loads(synthetic.record.lineage).get("teachers")
    if relabelled is not None:
        return relabelled
    table = dict(_section(read_toml(synthetic.record.recipe, "the set's recipe"), "experts"))
    return table if table.pop("name", None) == TeacherSettings.name else None


def _section(tables: dict[str, Any], name: str) -> dict[str, Any]:
    """A section of a set's recipe, empty where there is none."""
    if not isinstance(table := tables.get(name, {}), dict):
        raise RecipeError(f"the set's recipe, key '{name}': must be a table, got {shown(table)}")
    return table


def _teachers_of(synthetic: SyntheticSet, task: Task, needed: bool, meter: Meter) -> Ensemble | None:
    """The teachers of a set. Where the set's own labels will do, they are not trained for one more row of the table,
    and a line says that it is left out."""
    table = teacher_table(synthetic)
    if table is None:
        return None
    settings = parse_table(table, TeacherSettings, "the set's recipe", "experts")
    root = home() / "teachers"
    if needed:
        return hire(root, task, settings, meter)
    why = "are not on this machine"
    if all(post.here for post in posts(root, task, settings)):
        try:
            return hire(root, task, settings, meter)
        except DataError as error:
            why = f"cannot be used: {error}"
    meter.say(f"left out: random-real with the same labels, whose teachers {why}")
    return None


def _snapshots(source: Path, synthetic: SyntheticSet) -> dict[str, SyntheticSet]:
    """A run folder's snapshots and its set, which is often the last snapshot again; a file is alone."""
    snapshots = {file.stem: load(file) for file in sorted(RunFolder(source).snapshots.glob("iteration-*.h5"))}
    return {n: s for n, s in snapshots.items() if not torch.equal(s.images, synthetic.images)} | {"last": synthetic}
