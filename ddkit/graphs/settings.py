"""The recipe's section [data] for graphs."""

from dataclasses import dataclass

from ddkit.graphs.names import OWN
from ddkit.recipe import ANY_SEED, Settings, setting


@dataclass(frozen=True, kw_only=True)
class GraphDataSettings(Settings):
    """The dataset, and its split if the data has none."""

    name: str = setting(
        "digits-graphs",
        help="a name that `ddkit data ls` lists, or your own graphs as " + " or ".join(OWN.values()),
    )
    split_seed: int = setting(
        0, at_least=0, at_most=ANY_SEED, help="seed of the stratified split, a tenth each for validation and test"
    )
