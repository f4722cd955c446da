"""Recipes of methods for images."""

from dataclasses import dataclass

from ddkit.data import DataSettings
from ddkit.evaluation import EvaluateSettings
from ddkit.experts import ExpertSettings, ExpertSource, expert_settings, source_of
from ddkit.experts.settings import TEACHERS
from ddkit.jobs.recipes.any_recipe import AnyRecipe
from ddkit.jobs.recipes.layout import Layout
from ddkit.methods import MethodSettings, image_method
from ddkit.nets import NetSettings, net_settings
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class Recipe(AnyRecipe):
    """One resolved recipe for images. `experts` is None if the method reads none."""

    data: DataSettings
    net: NetSettings
    experts: ExpertSettings | None
    method: MethodSettings
    evaluate: EvaluateSettings

    @property
    def has_teachers(self) -> bool:
        """Whether the recipe's experts are teachers."""
        return self.experts is not None and self.experts.gives == TEACHERS

    def source(self, task: Task) -> ExpertSource:
        """The source of the recipe's experts."""
        return source_of(self.experts, task, self.method.reads_epochs)


def _method_settings(name: str) -> type[MethodSettings]:
    return image_method(name).settings_class


IMAGES = Layout(
    plain={"data": DataSettings, "evaluate": EvaluateSettings},
    named={"method": _method_settings, "net": net_settings, "experts": expert_settings},
    unknown="unknown section or key '{}'",
    required="add one with name = and ipc =",
)
