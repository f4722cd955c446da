"""Label any set of images by teachers."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from ddkit.arguments import checked
from ddkit.errors import NumericalError, UsageError, nearest
from ddkit.experts import TeacherSettings, obtain_teachers
from ddkit.experts.batch_norm import TEACHER_BN
from ddkit.experts.teachers.settings import FILE
from ddkit.home import home
from ddkit.jobs.flips.guard import OVERRIDE, refuse_harmful_flips
from ddkit.jobs.sets.real_data import DATA_ONLY, SET_WITH_FLIPS, data_of, load_task_of, teacher_table
from ddkit.methods.regions import regions
from ddkit.nets import parse_net
from ddkit.recipe import only, override, parse_table
from ddkit.run import Meter, SilentMeter
from ddkit.synth import TEMPERATURES, GraphSet, SyntheticSet, fewer, load_images, only_top
from ddkit.synth.container import of_another_kind


@checked
def relabel(
    source: SyntheticSet | GraphSet | str | Path,
    *,
    nets: str | None = None,
    files: Sequence[Path] = (),
    temperature: float = 30.0,
    top_k: int | None = None,
    ferkd: str | None = None,
    teacher_bn: str = "running",
    data: str | None = None,
    overrides: tuple[str, ...] = (),
    device: str = "auto",
    meter: Meter | None = None,
) -> SyntheticSet:
    """The set with static soft labels: the mean logits of teachers for each image, as float16.

    Args:
        source: a SyntheticSet, a file, a run folder, or the name of a ready-made set.
        nets: the teachers' networks, separated by ";"; default those of the set's recipe. Missing teachers are trained
            on the set's data.
        files: bundles of teachers, instead of networks.
        temperature: at which the labels are to be learned.
        top_k: number of the largest logits of a label that are kept; None: all.
        ferkd: "LOW,MIDDLE,HIGH", FerKD's regions (see `ddkit.methods.regions`). The set then has fewer images, and no
            compact form.
        teacher_bn: statistics of the teachers' batch norms: "running", or "batch" for those of all the set's images.
        data: where the real data is now; default where it was when the set was made.
        overrides: "experts.key=value" texts, and data.flips_keep_label.
        device: "auto", "cpu", "cuda", ...
        meter: progress; default silent.

    Example:
        >>> relabel("digits-ftd-ipc1", nets="convnet(depth=2, width=32, norm=batch)").soft_labels.shape
        torch.Size([10, 10])

    Raises:
        UsageError: no teachers are named; the teachers' training would mirror images whose label a mirror changes; or
            regions that are not three shares in ascending order.
        NumericalError: labels too large for float16.
        DataError: a set of graphs; or a teacher for other preprocessing or other classes than the set's.
    """
    low, high = TEMPERATURES
    if not low <= temperature <= high or (top_k is not None and top_k < 1):
        raise UsageError(
            f"relabel: the temperature must lie between {low:g} and {high:g} and top-k be at least 1, got "
            f"{temperature} and {top_k}"
        )
    if teacher_bn not in TEACHER_BN:
        raise UsageError(f"relabel: teacher_bn '{teacher_bn}' is unknown; {nearest(teacher_bn, TEACHER_BN)}")
    if bad := next((file for file in files if ";" in str(file.resolve())), None):
        raise UsageError(
            f"relabel: bundle '{bad}': a ; separates teachers, so a file's name cannot contain it; rename the file"
        )
    if files and (nets or overrides):
        raise UsageError("relabel: teachers are named twice, as bundles and as networks to be trained; keep one")
    if isinstance(source, GraphSet):
        raise of_another_kind("relabel: source", "graphs", "images")
    only(overrides, ("experts.", OVERRIDE), "when a set is relabelled")
    synthetic = source if isinstance(source, SyntheticSet) else load_images(source)
    task, meter = load_task_of(synthetic, data, DATA_ONLY, device), meter or SilentMeter()
    if task.dsa.flips and not files:  # teachers are trained under them
        refuse_harmful_flips("data.augment", SET_WITH_FLIPS, data_of(synthetic, overrides), task.real, meter)
    settings = (
        TeacherSettings(nets="; ".join(f"{FILE}{file.resolve()}" for file in files))
        if files
        else _teacher_settings(synthetic, nets, overrides)
    )
    for net in _named_code(nets, overrides):
        parse_net(net)
    teachers = obtain_teachers(home() / "teachers", task, settings, meter).under(teacher_bn)
    teachers = teachers.of_both_orientations(synthetic.facts.mirrored_by_fyi)
    labels = teachers.labels(synthetic.images).cpu()
    kept = torch.ones(len(synthetic), dtype=torch.bool)
    if ferkd is not None:
        kept, labels = regions(labels, synthetic.labels, temperature, ferkd)
        meter.say(_kept_line(synthetic, kept))
    top_k = fewer(top_k, labels.shape[1])
    soft = only_top(labels[kept], top_k or labels.shape[1], temperature)
    if not bool(soft.isfinite().all()):
        raise NumericalError(f"relabel: labels at temperature {temperature:g} are too large for float16; lower it")
    facts = dataclasses.replace(
        synthetic.facts, temperature=temperature, top_k=top_k, teachers="; ".join(teachers.names)
    )
    # The old scores belong to the old labels. `evaluate` reads the teachers from the lineage.
    lineage = json.loads(synthetic.record.lineage) | {"teachers": dataclasses.asdict(settings)}
    return dataclasses.replace(
        synthetic,
        images=synthetic.images[kept],
        labels=synthetic.labels[kept],
        soft_labels=soft,
        facts=facts,
        compact=synthetic.compact if kept.all() else None,
        record=dataclasses.replace(synthetic.record, scores="{}", lineage=json.dumps(lineage)),
    )


def _named_code(nets: str | None, overrides: tuple[str, ...]) -> list[str]:
    """The networks "py:..." that the caller names, whose code may therefore be imported."""
    texts = [nets or "", *(text.partition("=")[2] for text in overrides if text.startswith("experts.nets"))]
    names = [name.strip().strip("\"'") for text in texts for name in text.split(";")]
    return [name for name in names if name.startswith("py:")]


def _kept_line(synthetic: SyntheticSet, kept: torch.Tensor) -> str:
    """A line with the number of images that FerKD keeps, and the number of classes without any."""
    counts = synthetic.labels[kept].bincount(minlength=len(synthetic.facts.classes))
    empty = int((counts == 0).sum())
    classes = f"; {empty} of {len(counts)} classes have none left" if empty else ""
    return f"ferkd: kept {int(kept.sum())} of {len(kept)} images{classes}"


def _teacher_settings(synthetic: SyntheticSet, nets: str | None, overrides: tuple[str, ...]) -> TeacherSettings:
    """The settings of the set's teachers, or the defaults if it has none, with `nets` and `overrides` applied."""
    own = teacher_table(synthetic)
    if nets is None and own is None:
        raise UsageError("relabel: the set's recipe has no teachers; name some with --teachers or --bundle")
    tables = override({"experts": (own or {}) | ({"nets": nets} if nets else {})}, overrides)
    return parse_table(tables["experts"], TeacherSettings, "teachers", "experts")
