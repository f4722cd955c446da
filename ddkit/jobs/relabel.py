"""Give any set of images the labels of teachers."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import torch

from ddkit.errors import UsageError
from ddkit.experts import Ensemble, TeacherSettings, hire, read_bundle
from ddkit.home import home
from ddkit.jobs.bench import Bench
from ddkit.jobs.evaluate import lay_out_for
from ddkit.methods.regions import regions
from ddkit.recipe import override, parse_table, read_toml
from ddkit.run import Meter, SilentMeter
from ddkit.synth import SyntheticSet, load, only_top


def relabel(
    source: SyntheticSet | str | Path,
    *,
    nets: str | None = None,
    files: Sequence[Path] = (),
    temperature: float = 30.0,
    top_k: int | None = None,
    ferkd: str | None = None,
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    meter: Meter | None = None,
) -> SyntheticSet:
    """The set with static soft labels: the mean logits of teachers for each image, as float16.

    Args:
        source: a SyntheticSet, a file, a run folder, or the name of a ready-made set.
        nets: the teachers' networks, separated by ";", which are trained on the set's data where they are missing;
            default those of the set's recipe.
        files: bundles of teachers instead.
        temperature: at which the labels are to be learned.
        top_k: logits of a label that are kept, the largest; None: all.
        ferkd: "LOW,MIDDLE,HIGH", FerKD's regions (see `ddkit.methods.regions`); the set then loses images, and its
            compact form if it has one.
        data: where the real data is now; default where it was when the set was made.
        overrides: "experts.key=value" texts.
        meter: progress; default silent.

    Example:
        >>> relabel("digits-ftd-ipc1", nets="convnet(depth=2, width=32, norm=batch)").soft_labels.shape
        torch.Size([10, 10])

    Raises:
        UsageError: no teachers are named; regions that are no three shares in ascending order.
        DataError: a teacher that reads other pixels or classes than the set has.
    """
    synthetic = source if isinstance(source, SyntheticSet) else load(source)
    bench, meter = lay_out_for(synthetic, data), meter or SilentMeter()
    teachers = _bundles(files, bench) if files else _hired(synthetic, bench, nets, overrides, meter)
    labels = teachers.labels(synthetic.images)
    kept = torch.ones(len(synthetic), dtype=torch.bool)
    if ferkd is not None:
        kept, labels = regions(labels, synthetic.labels, temperature, ferkd)
    facts = dataclasses.replace(
        synthetic.facts, temperature=temperature, top_k=top_k, teachers="; ".join(teachers.names)
    )
    return dataclasses.replace(
        synthetic,
        images=synthetic.images[kept],
        labels=synthetic.labels[kept],
        soft_labels=only_top(labels[kept], top_k or labels.shape[1], temperature),
        facts=facts,
        compact=synthetic.compact if ferkd is None else None,
    )


def _bundles(files: Sequence[Path], bench: Bench) -> Ensemble:
    bundles = tuple(read_bundle(Path(file)) for file in files)
    for file, bundle in zip(files, bundles, strict=True):
        bundle.refuse_mismatch(bench.real, f"teacher '{file}'")
    return Ensemble(bundles)


def _hired(
    synthetic: SyntheticSet, bench: Bench, nets: str | None, overrides: tuple[str, ...], meter: Meter
) -> Ensemble:
    for assignment in overrides:
        if not assignment.startswith("experts."):
            raise UsageError(f"--set {assignment!r}: only experts.* can be set when a set is relabelled")
    tables = read_toml(synthetic.record.recipe, "the set's recipe")
    theirs = tables.get("experts", {})
    known = {k: v for k, v in theirs.items() if k != "name"} if theirs.get("name") == TeacherSettings.name else {}
    if nets is None and "nets" not in known:
        raise UsageError("relabel: the set's recipe has no teachers; name some with --teachers or --bundle")
    asked = override({"experts": known | ({"nets": nets} if nets else {})}, overrides)
    settings = parse_table(asked["experts"], TeacherSettings, "teachers", "experts")
    return hire(home() / "teachers", bench.real, settings, bench.dsa, meter)
