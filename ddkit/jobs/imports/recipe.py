"""The recipe of an imported set: the data with its preprocessing, the network, and the evaluation. It has no method."""

from dataclasses import dataclass

from ddkit.data import DataSettings
from ddkit.evaluation import EvaluateSettings
from ddkit.jobs.recipes.any_recipe import AnyRecipe
from ddkit.nets import NetSettings


@dataclass(frozen=True, kw_only=True)
class ImportedRecipe(AnyRecipe):
    """What `ddkit.evaluate` needs to prepare the real data as the images of the set are."""

    data: DataSettings
    net: NetSettings
    evaluate: EvaluateSettings
