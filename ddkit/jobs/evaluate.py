"""Judge a set: rebuild the real data it was made from, then hand over to the evaluator."""

from pathlib import Path

import torch

from ddkit.errors import DataError, UsageError
from ddkit.evaluation import Evaluation, evaluate_as_paper, evaluate_honestly
from ddkit.jobs.bench import Bench, lay_out, pick_device
from ddkit.jobs.threads import fitting_threads
from ddkit.nets import parse_net
from ddkit.recipe import DataSettings, EvaluateSettings, nearest, override, parse_table, read_toml
from ddkit.run import Meter, RunFolder, SilentMeter
from ddkit.synth import SyntheticSet, load

PROTOCOLS = ("honest", "paper")


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
        protocol: "honest", or "paper", which selects among a run folder's snapshots on the test set and says so.
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
    if protocol not in PROTOCOLS:
        raise UsageError(f"protocol '{protocol}' is unknown; {nearest(protocol, PROTOCOLS)}")
    synthetic = source if isinstance(source, SyntheticSet) else load(source)
    for assignment in overrides:
        if not assignment.startswith("evaluate."):
            raise UsageError(f"--set {assignment!r}: only evaluate.* can be set when a set is evaluated")
    explicit = () if nets is None else (f"evaluate.nets={nets}",)
    tables = override(read_toml(synthetic.record.recipe, "the set's recipe"), explicit + overrides)
    settings = parse_table(tables.get("evaluate", {}), EvaluateSettings, "evaluation", "evaluate")
    bench = lay_out_for(synthetic, data, net, device)
    meter = meter or SilentMeter()
    with fitting_threads(bench.net.shape):
        if protocol == "honest":
            return evaluate_honestly(synthetic, bench.real, bench.net, settings, bench.dsa, seed, meter, baselines)
        snapshots = {"last": synthetic} if isinstance(source, SyntheticSet) else _snapshots(Path(source), synthetic)
        return evaluate_as_paper(snapshots, bench.real, bench.net, bench.dsa, seed, meter, settings.nets)


def lay_out_for(synthetic: SyntheticSet, data: str | None = None, net: str | None = None, device: str = "cpu") -> Bench:
    """The real data a set was made from, held against the set's digests, and a network for it.

    Raises:
        DataError: this machine's data differs from what the set was made from.
    """
    facts = synthetic.facts
    tables = read_toml(synthetic.record.recipe, "the set's recipe").get("data", {})
    tables = {"name": facts.dataset, "augment": facts.augment} | tables | ({"name": data} if data else {})
    settings = parse_table(tables, DataSettings, "set", "data")
    bench = lay_out(settings, parse_net(net or facts.net), pick_device(device))
    for what, ours, theirs in (
        ("data", bench.real.data.digest, facts.data_digest),
        ("preprocessing", bench.real.preprocess.digest, facts.preprocess_digest),
    ):
        if ours != theirs:
            raise DataError(
                f"set of '{facts.dataset}': was made with other {what} (digest {theirs[:8]}) than found here "
                f"({ours[:8]}); name the data it was made from with --data"
            )
    return bench


def _snapshots(source: Path, synthetic: SyntheticSet) -> dict[str, SyntheticSet]:
    """A run folder's snapshots and its set, which is often the last snapshot again; a file is alone."""
    snapshots = {file.stem: load(file) for file in sorted(RunFolder(source).snapshots.glob("iteration-*.h5"))}
    return {n: s for n, s in snapshots.items() if not torch.equal(s.images, synthetic.images)} | {"last": synthetic}
