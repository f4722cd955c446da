"""Evaluate a set: train networks on it and on its rivals."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ddkit.arguments import checked
from ddkit.errors import UsageError
from ddkit.evaluation import Evaluation, refuse_unknown_scores
from ddkit.evaluation.protocol_names import refuse_unknown_protocol
from ddkit.jobs.kinds import kind_of_set
from ddkit.jobs.recipes.request import Judging
from ddkit.nets import spec_of_object
from ddkit.run import Meter, SilentMeter
from ddkit.synth import GraphSet, SyntheticSet


@checked
def evaluate(
    source: SyntheticSet | GraphSet | str | Path,
    *,
    protocol: str = "honest",
    data: str | None = None,
    net: str | Callable[..., Any] | None = None,
    nets: int | None = None,
    overrides: tuple[str, ...] = (),
    seed: int = 0,
    device: str = "auto",
    baselines: bool = True,
    scores: str | None = None,
    meter: Meter | None = None,
) -> Evaluation:
    """Train fresh networks on a set and on its rivals in the same way, and score them on the real test part.

    `evaluate_all` does this for several protocols and architectures.

    Args:
        source: a SyntheticSet or GraphSet, a file, a run folder, or the name of a ready-made set.
        protocol: "honest", or "paper", "paper-mtt", "paper-ftd", ... (see `ddkit.evaluation.PROTOCOLS`), which repeat
            the evaluation of a paper's authors. Where the authors select on the test set, for example among snapshots,
            a note says so. "paper" is the protocol of the set's method, or MTT's if the method has none. Sets of
            graphs have "honest" only.
        data: where the real data is now, such as "npz:FILE" or "tu:DIR"; default where it was when the set was made.
        net: another architecture, such as "resnet18", "timm:resnet18", "py:module:factory" or "convnet(depth=2,
            norm=batch)", for graphs "gin"; default the set's own. Also a torch.nn.Module, whose layers draw new
            parameters for each network, or a function that builds one from (channels, size, classes).
        nets: networks a row; default the recipe's.
        overrides: "evaluate.key=value" texts, which replace settings of the recipe and of the other arguments.
        seed: of initialisations, batches, augmentation and rivals.
        device: "auto", "cpu", "cuda", ...; sets of graphs are evaluated on the CPU.
        baselines: also train on random-real, herding and k-means sets of the same ipc.
        scores: "ddranking" adds DD-Ranking's scores HLR, IOR, LRS and ARS, as the table's `ranking`, and up to three
            rows that only they need. For images, under protocol "honest".
        meter: progress; default silent.

    Example:
        >>> table = evaluate("digits-ftd-ipc1")
        >>> [(score.name, round(score.mean, 3)) for score in table.scores]

    Raises:
        UsageError: an unknown protocol or network, or an option that this kind of set does not have.
        DataError: the set or its real data is missing or damaged, or the set was made from other data.
    """
    (found,) = evaluate_all(
        source,
        protocols=(protocol,),
        architectures=() if net is None else (net,),
        data=data,
        nets=nets,
        overrides=overrides,
        seed=seed,
        device=device,
        baselines=baselines,
        scores=scores,
        meter=meter,
    )
    return found


@checked
def evaluate_all(
    source: SyntheticSet | GraphSet | str | Path,
    *,
    protocols: Sequence[str] = ("honest",),
    architectures: Sequence[str | Callable[..., Any]] = (),
    cross: bool = False,
    data: str | None = None,
    nets: int | None = None,
    overrides: tuple[str, ...] = (),
    seed: int = 0,
    device: str = "auto",
    baselines: bool = True,
    scores: str | None = None,
    meter: Meter | None = None,
) -> Iterator[Evaluation]:
    """Yield a table for every pair of a protocol and an architecture, as soon as it is finished.

    The real data is loaded once. A set of graphs has one table, which has the rows of all architectures.

    Args:
        source, data, nets, overrides, seed, device, baselines, scores, meter: as for `evaluate`.
        protocols: protocols of `evaluate`.
        architectures: networks, as `net` of `evaluate`; default the set's own.
        cross: also the set's own architecture, AlexNet, VGG11 and ResNet18, as far as the images are large enough.

    Example:
        >>> for table in evaluate_all("digits-ftd-ipc1", architectures=["mlp", "lenet"]):
        ...     print(table.net, round(table.scores[0].mean, 3))

    Raises:
        UsageError, DataError: as for `evaluate`.
    """
    if not protocols:
        raise UsageError("evaluate: needs at least one protocol, such as honest")
    for protocol in protocols:
        refuse_unknown_protocol(protocol)
    refuse_unknown_scores(scores or "")
    for protocol in protocols if scores else ():
        if protocol != "honest":
            raise UsageError(
                f"evaluate: scores '{scores}' need protocol honest, since '{protocol}' has no rows with class labels "
                "and of the whole data; ask for them in a call of their own"
            )
    judging = Judging(
        protocols=tuple(protocols),
        architectures=tuple(net if isinstance(net, str) else spec_of_object(net) for net in architectures),
        cross=cross,
        data=data,
        nets=nets,
        overrides=overrides,
        seed=seed,
        device=device,
        baselines=baselines,
        scores=scores or "",
    )
    return kind_of_set(source).tables(source, judging, meter or SilentMeter())
