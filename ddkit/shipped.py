"""The folders of recipes and ready-made sets: inside the installed package, or beside it in a checkout."""

import importlib.util
from pathlib import Path


def shipped(folder: str) -> Path:
    """Return the folder `recipes` or `synth_sets`. setup.cfg maps both into the wheel."""
    spec = importlib.util.find_spec(f"ddkit.{folder}")
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(__file__).parent.parent / folder
