"""Methods whose images teachers have named: their settings, and the set with the teachers' labels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ddkit.errors import UsageError
from ddkit.experts import Ensemble
from ddkit.methods.contract import Context, MethodSettings
from ddkit.recipe import setting
from ddkit.synth import Compact, SyntheticSet


@dataclass(frozen=True, kw_only=True)
class TaughtSettings(MethodSettings):
    """Settings of a method with teachers."""

    expert_kind: ClassVar[str | None] = "teacher"
    soft_labels: bool = setting(True, help="store the teachers' mean logits of each image (float16)")
    temperature: float = setting(30.0, above=0, help="at which logits are to be learned (INFER and SRe2L on CIFAR: 30)")


def teachers_of(context: Context, name: str) -> Ensemble:
    """The teachers.

    Raises:
        UsageError: there are none.
    """
    if context.teachers is None:
        raise UsageError(f"method '{name}': needs teachers; let experts.name be \"teacher\"")
    return context.teachers


def set_of_compact(settings: TaughtSettings, context: Context, compact: Compact) -> SyntheticSet:
    """A compact set, and the teachers' labels of what it expands to."""
    temperature = settings.temperature if settings.soft_labels else None
    made = SyntheticSet.from_compact(compact, context.facts(settings, temperature=temperature))
    return _labelled(settings, context, made.images, lambda soft: SyntheticSet.from_compact(compact, made.facts, soft))


def set_of_images(settings: TaughtSettings, context: Context, images: Tensor) -> SyntheticSet:
    """Images [classes * ipc, C, H, W], class by class, and the teachers' labels of them."""
    temperature = settings.temperature if settings.soft_labels else None
    facts = context.facts(settings, temperature=temperature)
    images, labels = images.detach().cpu(), context.labels(settings.ipc).cpu()

    def make(soft: Tensor | None) -> SyntheticSet:
        return SyntheticSet(images=images, labels=labels, soft_labels=soft, facts=facts)

    return _labelled(settings, context, images, make)


def _labelled(
    settings: TaughtSettings, context: Context, images: Tensor, make: Callable[[Tensor | None], SyntheticSet]
) -> SyntheticSet:
    if not settings.soft_labels:
        return make(None)
    teachers = teachers_of(context, settings.name)
    return make(teachers.labels(images.to(context.device)).cpu())
