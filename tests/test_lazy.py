"""Packages whose public names are imported at first use."""

import builtins
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ddkit.lazy import LazyPackage, lazily

PACKAGES = ["ddkit", *(f"ddkit.{file.parent.name}" for file in Path(__file__).parents[1].glob("ddkit/*/__init__.py"))]
INIT = """
from ddkit.lazy import lazily
with lazily(__name__):
    from toy.fold import fold, plain
    from toy.other import Other
__all__ = ["fold", "plain", "Other"]
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package with a function `fold` in a module `fold`."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(INIT)
    (tmp_path / "toy" / "fold.py").write_text("def fold(): return 1\nplain = 2\n")
    (tmp_path / "toy" / "other.py").write_text("class Other: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("toy")
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


def test_a_module_is_imported_when_one_of_its_names_is_used(toy: ModuleType) -> None:
    assert isinstance(toy, LazyPackage) and not {"toy.fold", "toy.other"} & set(sys.modules)
    assert {"fold", "plain", "Other"} <= set(dir(toy)) and "Other" not in vars(toy)
    from toy import plain

    assert plain == 2 and "toy.fold" in sys.modules and "toy.other" not in sys.modules
    assert toy.Other is toy.Other and "Other" in vars(toy)
    with pytest.raises(AttributeError, match="module 'toy' has no attribute 'Othr'"):
        _ = toy.Othr


def test_a_public_name_wins_over_the_module_of_its_name(toy: ModuleType) -> None:
    """Whichever is imported first."""
    importlib.import_module("toy.fold")
    from toy import fold

    assert fold() == 1 and toy.fold() == 1
    importlib.reload(sys.modules["toy.fold"])
    assert toy.fold() == 1
    importlib.import_module("toy.other")
    assert isinstance(toy.other, ModuleType)  # no public name


def test_imports_of_others_go_their_way_meanwhile(toy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    before = builtins.__import__
    with pytest.raises(ZeroDivisionError), lazily("toy"):
        import colorsys  # of this module, and not of the package

        assert isinstance(colorsys, ModuleType) and colorsys.ONE_THIRD
        _ = 1 / 0
    assert builtins.__import__ is before


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_is_there_and_no_module(name: str) -> None:
    package = importlib.import_module(name)
    for public in package.__all__:
        assert not isinstance(getattr(package, public), ModuleType), public
