"""How the images of a source are read: which classes, as which pictures, from which columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ddkit.data.subsets import with_named_subsets
from ddkit.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    from ddkit.data.conversion import Conversion

ONLY_FOR = {"pixels": "npz", "image_column": "hf", "label_column": "hf", "config": "hf"}
"""Setting -> the only kind of source that it describes."""


@dataclass(frozen=True)
class Reading:
    """How to read the images of a source. The default reads them as they are.

    Attributes:
        classes: the names of the classes to read, in the order of their labels; "@NAME" is a list of `SUBSETS`. Empty:
            all classes.
        resize: side in pixels of all images; see `Conversion`.
        mode: "RGB" or "L"; see `Conversion`.
        pixels: range of an archive's numbers that are not bytes: "unit" is 0 to 1, "bytes" is 0 to 255.
        image_column, label_column: the columns of a Hugging Face dataset; None: found by their types.
        config: the configuration of a Hugging Face dataset; None: the only one, or the one that it declares as default.
    """

    classes: tuple[str, ...] = ()
    resize: int | None = None
    mode: str | None = None
    pixels: str | None = None
    image_column: str | None = None
    label_column: str | None = None
    config: str | None = None

    @property
    def conversion(self) -> "Conversion":
        """The conversion of each image."""
        from ddkit.data.conversion import Conversion  # imports NumPy, which commands that read texts do not need

        return Conversion(self.resize, self.mode)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The names of the classes to read, named lists written out; empty: all.

        Raises:
            UsageError: a list is unknown, a class is named twice, or there is only one.
        """
        names = with_named_subsets(self.classes)
        if twice := [name for name in names if names.count(name) > 1]:
            raise UsageError(f"key 'data.classes': names the class '{twice[0]}' twice; leave one out")
        if len(names) == 1:
            raise UsageError(f"key 'data.classes': names one class, '{names[0]}'; name at least two")
        return names

    def of(self, names: Sequence[str], where: str) -> tuple[str, ...]:
        """The classes to read of a source that has these.

        Raises:
            DataError: the source lacks some of them.
        """
        wanted = self.wanted or tuple(names)
        if missing := [name for name in wanted if name not in names]:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            listed = ", ".join(f"'{name}'" for name in missing[:3])
            raise DataError(f"{where}, key 'data.classes': has no class {listed}{more}; {nearest(missing[0], names)}")
        return wanted

    def refuse_unused(self, kind: str) -> None:
        """Refuse settings that do not describe a source of this kind ("npz", "folder", "hf", or "" for a name).

        Raises:
            UsageError: there is one; the line names its key.
        """
        for setting, only in ONLY_FOR.items():
            if getattr(self, setting) is not None and kind != only:
                raise UsageError(f"key 'data.{setting}': describes data as {only}:..., which this is not; leave it out")


AS_IT_IS = Reading()
"""The default."""
