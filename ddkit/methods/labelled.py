"""Methods whose images teachers have named: their settings, and the set with the teachers' labels."""

from dataclasses import dataclass, replace
from typing import ClassVar

from ddkit.errors import UsageError
from ddkit.experts import Ensemble
from ddkit.methods.contract import Context, MethodSettings
from ddkit.recipe import setting
from ddkit.synth import TEMPERATURES, SyntheticSet, fewer, only_top


@dataclass(frozen=True, kw_only=True)
class LabelledSettings(MethodSettings):
    """Settings of a method with teachers."""

    expert_kind: ClassVar[str | None] = "teacher"
    soft_labels: bool = setting(True, help="store the teachers' mean logits of each image (float16)")
    top_k: int | None = setting(None, at_least=1, help="logits of a label that are kept, the largest; none: all")
    temperature: float = setting(
        30.0,
        at_least=TEMPERATURES[0],
        at_most=TEMPERATURES[1],
        help="at which logits are to be learned (INFER and SRe2L on CIFAR: 30)",
    )

    @property
    def teacher_labels(self) -> tuple[float, int | None] | None:
        return (self.temperature, self.top_k) if self.soft_labels else None


def teachers_of(context: Context, name: str) -> Ensemble:
    """The teachers.

    Raises:
        UsageError: there are none.
    """
    if context.teachers is None:
        raise UsageError(f"method '{name}': needs teachers; let experts.name be \"teacher\"")
    return context.teachers


def labelled(made: SyntheticSet, settings: LabelledSettings, context: Context) -> SyntheticSet:
    """The set with the teachers' labels of its images, if it is to have them."""
    if not settings.soft_labels:
        return made
    teachers = teachers_of(context, settings.name).of_both_orientations(made.facts.mirrored_by_fyi)
    said = teachers.labels(made.images).cpu()
    top_k = fewer(settings.top_k, said.shape[1])
    soft = said if top_k is None else only_top(said, top_k, settings.temperature)
    named = "; ".join(teachers.names)
    facts = replace(made.facts, temperature=settings.temperature, top_k=top_k, teachers=named)
    return replace(made, soft_labels=soft, facts=facts)
