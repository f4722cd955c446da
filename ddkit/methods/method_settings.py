"""Settings that all methods for images share, and what a method tells about itself before it runs."""

from dataclasses import dataclass
from typing import ClassVar

from ddkit.data import Counts, RealData, refuse_small_classes
from ddkit.errors import RecipeError, UsageError
from ddkit.methods.effort import Effort
from ddkit.nets import FlatNet
from ddkit.recipe import Settings, Uneven, setting
from ddkit.steps import training_memory
from ddkit.synth import LabelTerms, formation_suffix
from ddkit.task import Task


@dataclass(frozen=True, kw_only=True)
class MethodSettings(Settings):
    """Settings that all methods for images share."""

    kind: ClassVar[str] = "images"
    name: ClassVar[str]
    expert_kind: ClassVar[str | None] = None
    """The kind of experts for a recipe without an [experts] section. None: the method needs no experts."""
    fixed: ClassVar[tuple[str, ...]] = ()
    """Settings that a resumed run cannot change, in addition to those that no method can change."""
    divided: ClassVar[bool] = False
    """Whether several ranks can make one set together; see `ddkit.methods.division`."""

    uneven: ClassVar[bool] = False
    """Whether classes may have different numbers of images."""

    ipc: int | Uneven = setting(1, at_least=1, help="images per class; uneven: a share of each class, or a table")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.uneven and isinstance(self.ipc, Uneven):
            raise RecipeError(
                f"key 'method.ipc': method '{self.name}' makes the same number of images for every class, but ipc is "
                f"{self.ipc}; set a whole number"
            )

    def counts(self, real: RealData) -> Counts:
        """The number of images of each class of the set.

        Raises:
            UsageError: `ipc` names classes that the data does not have, or leaves out some that it has.
        """
        return Counts.of(self.ipc, real.train.labels, real.data.classes)

    def refuse_data(self, real: RealData) -> None:
        """Raise UsageError if a class of the data has too few images for the set, or images have too few pixels."""
        refuse_small_classes(real.train.labels, self.counts(real), self.packing**2)
        if self.packing > min(real.data.shape[1:]):
            height, width = real.data.shape[1:]
            raise UsageError(
                f"key 'method.formation': images of {height}x{width} pixels cannot be {self.packing}x{self.packing} "
                f"small ones; set it to at most {min(height, width)}"
            )

    @property
    def reads_epochs(self) -> int:
        """Epochs of an expert that the method reads."""
        return 0

    @property
    def total_iterations(self) -> int | None:
        """Number of iterations. 0: a one-shot method. None: it depends on the numbers of classes and experts too."""
        return 0

    @property
    def fewer_epochs(self) -> str:
        """The setting that reduces the epochs of experts, with its value, for messages. "": there is none."""
        return ""

    @property
    def shorter(self) -> str:
        """How to shorten the condensation, for messages."""
        return "a smaller method.ipc needs less"

    @property
    def less_memory(self) -> str:
        """How to reduce the memory of the condensation, for messages."""
        return "lower method.ipc, or use a machine with more"

    @property
    def inner_steps(self) -> int:
        """Inner steps of one iteration. Its time is proportional to them."""
        return 1

    def shortened(self, steps: int) -> "MethodSettings":
        """These settings with `steps` inner steps, for a probe. They read only the first epoch of an expert."""
        return self

    def most_growth(self, images: int, net: FlatNet, free: int) -> int | None:
        """Upper bound in bytes on the memory that all inner steps add to that of a few steps.

        Args:
            images: number of images in the set.
            free: bytes that are free.

        Returns: None if there is no bound.
        """
        return None

    def effort(self, task: Task) -> Effort:
        """An estimate of what making a set takes. The network of `task` is the largest teacher's, if there are any."""
        images = self.counts(task.real).total
        return Effort(float(images), training_memory(task.net, 1, images))

    def refuse_ranks(self, ranks: int, net: FlatNet) -> None:
        """Raise UsageError if so many ranks cannot share the work on a set for this network."""

    @property
    def teacher_labels(self) -> LabelTerms | None:
        """The form of the set's labels if they are teachers' logits. None: the set has other labels."""
        return None

    @property
    def uses_fyi(self) -> bool:
        """Whether the method uses each image together with its mirror image; see `ddkit.methods.fyi`."""
        return False

    @property
    def packing(self) -> int:
        """k: each stored image is k x k small ones; see `ddkit.methods.formation`. 1: images are whole."""
        return 1

    @property
    def expects_flips(self) -> bool:
        """Whether training on the set should mirror its images at random."""
        return self.uses_fyi

    @property
    def mirrored_by(self) -> tuple[str, str] | None:
        """The key that makes the method mirror images, and how to disable it. None: the method mirrors none."""
        return None

    @property
    def title(self) -> str:
        """Name of the set in tables: the method, with "+fyi" if it uses FYI and "+2x2" if images are packed."""
        return self.name + "+fyi" * self.uses_fyi + formation_suffix(self.packing)
