"""Files of IDC, NCFM and SeqMatch-IDC: a list [images, labels], whose images may be several small ones each."""

from ddkit.releases.condensation import is_pair
from ddkit.releases.release import Choices, Release, Source


class Pair:
    """Reads the pair. The factor of the packing stands in no file, so that it must be given."""

    name = "a pair of images and labels"
    choices: tuple[str, ...] = ()

    def recognises(self, source: Source) -> bool:
        return source.is_torch and is_pair(source.content)

    def read(self, source: Source, choices: Choices) -> Release:
        images, labels = source.content
        return Release(layout=self.name, images=images, labels=labels, files=(source.path,), family="mtt", packed=True)
