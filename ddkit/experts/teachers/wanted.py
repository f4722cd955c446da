"""The teachers that settings name, stored or missing."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ddkit.data import RealData
from ddkit.errors import DataError
from ddkit.executors import own_place
from ddkit.experts.buffer_key import BufferKey
from ddkit.experts.teachers.bundle import FORMAT, Bundle, read_bundle
from ddkit.experts.teachers.pretrained import is_cached, pretrained
from ddkit.experts.teachers.settings import FILE, PRETRAINED, TeacherSettings
from ddkit.nets import FlatNet, stored_net
from ddkit.task import Task


class Wanted(NamedTuple):
    """A teacher that settings name.

    Attributes:
        net: its network; None if the teacher is never trained here, and its file must exist.
        which: its number among the teachers of the same network, which differ in their draws.
        file: its bundle.
    """

    net: FlatNet | None
    which: int
    file: Path

    @property
    def here(self) -> bool:
        """Whether the teacher is stored on this machine."""
        name = str(self.file)
        return is_cached(name.removeprefix(PRETRAINED)) if name.startswith(PRETRAINED) else self.file.exists()

    @property
    def untrained(self) -> bool:
        """Whether the teacher must be trained here."""
        return self.net is not None and not self.here

    def read(self, real: RealData) -> Bundle:
        """The stored teacher on the data's device, checked against the data.

        Raises:
            DataError: it is missing, damaged, or made for other preprocessing or classes.
        """
        name = str(self.file)
        if name.startswith(PRETRAINED):
            return pretrained(name.removeprefix(PRETRAINED), real)
        bundle = read_bundle(self.file)
        bundle.refuse_mismatch(real, f"teacher '{self.file.name}'")
        if self.net is not None and (bundle.facts.net, bundle.facts.data_digest) != (self.net.spec, real.data.digest):
            raise DataError(
                f"teacher '{self.file}': is a {bundle.facts.net} trained on data {bundle.facts.data_digest[:8]}, which "
                f"its name does not state; `ddkit teachers rm {self.file.stem}` to have {self.net.spec} trained"
            )
        return bundle.to(real.train.images.device)


def wanted_teachers(root: Path, task: Task, settings: TeacherSettings) -> list[Wanted]:
    """The teachers of `settings`, in their order. Teachers that are trained here are stored under `root`."""
    found = []
    for name in settings.named:
        if name.startswith((FILE, PRETRAINED)):
            found.append(Wanted(None, 0, own_place(Path(name.removeprefix(FILE)))))
            continue
        net = task.under(stored_net(name)).net
        digest = f"{task.real.digest} {FORMAT}"  # with the format, so that files of other versions have other names
        own = replace(settings, nets=net.spec)
        key = BufferKey(task.real.data.name, digest, task.dsa.strategy, net.spec, own)
        found += [Wanted(net, which, root / f"{key.folder}-{which}.pt") for which in range(settings.count)]
    return found
