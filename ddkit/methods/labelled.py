"""Methods whose sets have teachers' labels: their settings, and the function that computes the labels."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ddkit.errors import UsageError
from ddkit.experts import Ensemble
from ddkit.methods.contract import Context
from ddkit.methods.method_settings import MethodSettings
from ddkit.recipe import setting
from ddkit.synth import TEMPERATURES, LabelTerms, SyntheticSet, fewer, only_top


@dataclass(frozen=True, kw_only=True)
class LabelledSettings(MethodSettings):
    """Settings of a method with teachers."""

    expert_kind: ClassVar[str | None] = "teacher"
    soft_labels: bool = setting(True, help="store the teachers' mean logits for each image (float16)")
    top_k: int | None = setting(None, at_least=1, help="number of logits that a label keeps, the largest; none: all")
    temperature: float = setting(
        30.0,
        at_least=TEMPERATURES[0],
        at_most=TEMPERATURES[1],
        help="temperature at which logits are learned (INFER and SRe2L on CIFAR: 30)",
    )

    @property
    def images_of_every_class(self) -> int:
        """`ipc`, which is the same for all classes."""
        assert isinstance(self.ipc, int)  # `uneven` is False
        return self.ipc

    @property
    def teacher_labels(self) -> LabelTerms | None:
        return LabelTerms(self.temperature, self.top_k) if self.soft_labels else None


def teachers_of(context: Context, name: str) -> Ensemble:
    """Return the context's teachers.

    Raises:
        UsageError: the context has no teachers.
    """
    if context.teachers is None:
        raise UsageError(f"method '{name}': needs teachers; let experts.name be \"teacher\"")
    return context.teachers


def labelled(made: SyntheticSet, settings: LabelledSettings, context: Context) -> SyntheticSet:
    """Return the set with the teachers' labels of its images, or the set itself if `soft_labels` is off."""
    if not settings.soft_labels:
        return made
    teachers = teachers_of(context, settings.name).of_both_orientations(made.facts.mirrored_by_fyi)
    logits = teachers.labels(made.images).cpu()
    top_k = fewer(settings.top_k, logits.shape[1])
    soft = logits if top_k is None else only_top(logits, top_k, settings.temperature)
    names = "; ".join(teachers.names)
    facts = replace(made.facts, temperature=settings.temperature, top_k=top_k, teachers=names)
    return replace(made, soft_labels=soft, facts=facts)
