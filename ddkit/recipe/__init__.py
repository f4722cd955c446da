"""Settings: strict conversion of TOML tables to frozen dataclasses. It does not use torch.

A settings class is a frozen dataclass, a child of `Settings`, whose fields are made by `setting`. A field stores its
default, its allowed range and a line of help. `parse_table` turns one table of a recipe into its settings class, and
`override` applies texts such as `method.ipc=3` to the tables. A value that breaks its contract raises RecipeError.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.recipe.contract import allowed, contract_of
    from ddkit.recipe.overrides import KEPT, NAMED_SECTIONS, dropped, only, override
    from ddkit.recipe.settings import ANY_SEED, Settings, admits, field_of, preset, setting, written
    from ddkit.recipe.table import parse_table
    from ddkit.recipe.uneven import PerClass, Share, Uneven, images_a_class

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
    "written",
    "parse_table",
    "Uneven",
    "Share",
    "PerClass",
    "images_a_class",
]
