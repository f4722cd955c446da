"""The teachers that settings ask for, on the disk or not."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ddkit.data import RealData
from ddkit.errors import DataError
from ddkit.experts.buffer_key import BufferKey
from ddkit.experts.teachers.bundle import FORMAT, Bundle, read_bundle
from ddkit.experts.teachers.pretrained import is_cached, pretrained
from ddkit.experts.teachers.settings import FILE, PRETRAINED, TeacherSettings
from ddkit.nets import FlatNet, parse_net
from ddkit.task import Task


class Wanted(NamedTuple):
    """A teacher that is wanted: its network, which of the network's teachers (they differ in their draws), and its
    file. Without a network it is not trained here, and the file must be there."""

    net: FlatNet | None
    which: int
    file: Path

    @property
    def here(self) -> bool:
        """Whether the teacher need not be trained or downloaded first."""
        name = str(self.file)
        return is_cached(name.removeprefix(PRETRAINED)) if name.startswith(PRETRAINED) else self.file.exists()

    @property
    def untrained(self) -> bool:
        """Whether it is to be trained here."""
        return self.net is not None and not self.here

    def read(self, real: RealData) -> Bundle:
        """The teacher, which is there, on the data's device and checked against the data.

        Raises:
            DataError: it is not there, damaged, or reads other pixels or classes.
        """
        name = str(self.file)
        if name.startswith(PRETRAINED):
            return pretrained(name.removeprefix(PRETRAINED), real)
        bundle = read_bundle(self.file)
        bundle.refuse_mismatch(real, f"teacher '{self.file.name}'")
        if self.net is not None and (bundle.facts.net, bundle.facts.data_digest) != (self.net.spec, real.data.digest):
            raise DataError(
                f"teacher '{self.file}': is a {bundle.facts.net} trained on data {bundle.facts.data_digest[:8]}, which "
                f"does not go by this name; `ddkit teachers rm {self.file.stem}` to have {self.net.spec} trained"
            )
        return bundle.to(real.train.images.device)


def wanted_teachers(root: Path, task: Task, settings: TeacherSettings) -> list[Wanted]:
    """The teachers of `settings` in their order; those that are trained here lie under `root`."""
    found = []
    for name in settings.named:
        if name.startswith((FILE, PRETRAINED)):
            found.append(Wanted(None, 0, Path(name.removeprefix(FILE))))
            continue
        net = task.under(parse_net(name)).net
        known_by = f"{task.real.digest} {FORMAT}"  # so that files of another version are left alone
        own = replace(settings, nets=net.spec)
        key = BufferKey(task.real.data.name, known_by, task.dsa.strategy, net.spec, own)
        found += [Wanted(net, which, root / f"{key.folder}-{which}.pt") for which in range(settings.count)]
    return found
