"""Settings that SRe2L and INFER share."""

from dataclasses import dataclass
from typing import ClassVar

from ddkit.methods.division import refuse_idle_ranks
from ddkit.methods.effort import Effort, fewer_iterations
from ddkit.methods.fyi import Flipping
from ddkit.methods.labelled import LabelledSettings
from ddkit.methods.statistics import BN_DISTANCES
from ddkit.nets import FlatNet
from ddkit.recipe import setting
from ddkit.steps import PRECISIONS, training_memory
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class RecoverySettings(Flipping, LabelledSettings):
    """Settings of a recovery, with the papers' names."""

    divided: ClassVar[bool] = True
    fixed: ClassVar[tuple[str, ...]] = ("iterations", "batch")  # they determine which sets an iteration works on
    iterations: int = setting(1000, at_least=1, help="steps of Adam on each set of one image a class")
    lr: float = setting(0.25, above=0, help="learning rate of Adam at the first step (network space)")
    r_bn: float = setting(1.0, at_least=0, help="weight of the distance between batch-norm statistics")
    bn_distance: str = setting("norm", one_of=BN_DISTANCES, help="the distance; see ddkit.methods.statistics")
    jitter: int = setting(4, at_least=0, help="largest circular shift of a view, in pixels")
    crop: bool = setting(False, help="views are random resized crops, mirrored at random (ImageNet)")
    batch: int = setting(100, at_least=1, help="images in a batch of a teacher")
    precision: str = setting("float32", one_of=PRECISIONS, help="arithmetic of the teacher's convolutions")

    @property
    def mirrored_by(self) -> tuple[str, str] | None:
        """The key of FYI or of the cropped views."""
        return super().mirrored_by or (("method.crop", "use --set method.crop=false") if self.crop else None)

    @property
    def shorter(self) -> str:
        return fewer_iterations(self.iterations)

    def effort(self, task: Task) -> Effort:
        classes, views = task.net.classes, self.views
        passes = float(self.iterations * self.images_of_every_class * classes * views)
        return Effort(passes, training_memory(task.net, 1, max(self.batch, classes * views)))

    def refuse_ranks(self, ranks: int, net: FlatNet) -> None:
        refuse_idle_ranks(self.name, ranks, net.classes)

    @property
    def total_iterations(self) -> None:
        """None: `iterations` times the number of Adam runs, which depends on classes and teachers."""
        return None
