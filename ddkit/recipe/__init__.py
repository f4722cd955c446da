"""Settings: TOML tables in, frozen dataclasses out. Strict, and knows nothing of torch.

A settings class is a frozen dataclass, a child of `Settings`, whose fields are made by `setting`, which keeps the
allowed range and a line of help beside the default. In: one table of a recipe and its settings class (`parse_table`),
or texts such as `method.ipc=3` (`override`). Out: settings that keep their contract, or a RecipeError of one line.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.recipe.contract import allowed, contract_of
    from ddkit.recipe.overrides import KEPT, NAMED_SECTIONS, dropped, only, override
    from ddkit.recipe.settings import ANY_SEED, Settings, admits, field_of, preset, setting
    from ddkit.recipe.table import parse_table

__all__ = [
    "allowed",
    "contract_of",
    "KEPT",
    "NAMED_SECTIONS",
    "dropped",
    "only",
    "override",
    "ANY_SEED",
    "Settings",
    "admits",
    "field_of",
    "preset",
    "setting",
    "parse_table",
]
