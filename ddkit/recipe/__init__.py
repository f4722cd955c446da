"""Settings: TOML tables in, frozen dataclasses out. Strict, and knows nothing of torch.

A settings class is a frozen dataclass, a child of `Settings`, whose fields are made by `setting`, which keeps the
allowed range and a line of help beside the default. In: one table of a recipe and its settings class (`parse_table`),
or texts such as `method.ipc=3` (`override`). Out: settings that keep their contract, or a RecipeError of one line.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.recipe.contract import allowed, contract_of
    from ddkit.recipe.overrides import KEPT, NAMED_SECTIONS, dropped, only, override
    from ddkit.recipe.recipe import (
        FLIP_POLICIES,
        LABEL_POLICIES,
        TEACHER_BN,
        DataSettings,
        EvaluateSettings,
        Recipe,
        changed_settings,
        parse_recipe,
        to_toml,
    )
    from ddkit.recipe.settings import ANY_SEED, Settings, admits, field_of, preset, setting
    from ddkit.recipe.table import parse_table
    from ddkit.toml import read_toml

__all__ = [
    "allowed",
    "contract_of",
    "KEPT",
    "NAMED_SECTIONS",
    "dropped",
    "only",
    "override",
    "FLIP_POLICIES",
    "LABEL_POLICIES",
    "TEACHER_BN",
    "DataSettings",
    "EvaluateSettings",
    "Recipe",
    "changed_settings",
    "parse_recipe",
    "to_toml",
    "ANY_SEED",
    "Settings",
    "admits",
    "field_of",
    "preset",
    "setting",
    "parse_table",
    "read_toml",
]
