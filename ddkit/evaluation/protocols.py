"""The papers' protocols as data: how each one's released code trains networks on a set, and what of it is reported."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ddkit.errors import UsageError, nearest
from ddkit.evaluation.settings import LABEL_POLICIES
from ddkit.evaluation.training import Training
from ddkit.recipe import setting

if TYPE_CHECKING:  # protocols are listed without torch
    from ddkit.data import DSA, Augmentation
    from ddkit.nets import NetSettings


@dataclass(frozen=True, kw_only=True)
class PaperProtocol:
    """What one paper's released code does to score a set.

    By SGD, networks train for `epochs` + 1 epochs with batches of at most `batch`. When epoch `epochs` // 2 + 1,
    counted from 0, is over, a new optimiser is made: the lr is multiplied by `drop_factor`, the momentum becomes
    `drop_momentum` and starts anew. By AdamW, for `epochs` epochs under a cosine of the lr.
    """

    name: str = setting(help="the method whose authors did so")
    epochs: int = setting(1000, help="epochs of training")
    batch: int = setting(256, help="batch size, at most the whole set")
    momentum: float = setting(0.9, help="momentum")
    drop_momentum: float = setting(0.9, help="momentum after the lr has dropped")
    drop_factor: float = setting(0.1, help="what the lr is multiplied by half-way")
    weight_decay: float = setting(5e-4, help="weight decay")
    look_every: int | None = setting(
        None,
        help="the best of the test accuracies seen each so many epochs is reported, from the first epoch on; none: the "
        "one after the last step",
    )
    looks_last: bool = setting(False, help="whether the last epoch is looked at too where it is not one of these")
    passes: int = setting(
        1, help="how often the same networks are trained so, one training after the other, before they are judged"
    )
    of_snapshots: bool = setting(True, help="whether the best of a run's snapshots is reported; else its last set")
    augmented: bool = setting(True, help="whether networks are trained under the recipe's augmentation")
    augment: str | None = setting(
        None,
        help="the authors' own augmentation instead, DSA's or DC's; without its flips where these change labels",
    )
    optimiser: str = setting("sgd", help="sgd or adamw")
    lr: float | None = setting(None, help="the authors' lr; none: the learned one, or 0.01")
    mixup: float = setting(0.0, help="parameter of mixup's Beta distribution; 0: images are not mixed")
    labels: str = setting("auto", one_of=LABEL_POLICIES, help="what networks learn from")
    temperature: float | None = setting(None, help="at which teachers' logits are learned; none: the set's")
    teachers_in_training: bool = setting(
        False, help="whether teachers' batch norms run under each batch's own statistics"
    )
    authors_nets: int = setting(5, help="how many networks the authors trained on a set")
    remark: str = setting("", help="what a reader of the scores must know besides")

    @property
    def selects(self) -> bool:
        """Whether something is chosen on the test set."""
        return self.of_snapshots or self.look_every is not None

    @property
    def obeys_recipe(self) -> bool:
        """Whether networks are trained under the recipe's augmentation, neither the authors' own nor none."""
        return self.augmented and self.augment is None

    @property
    def mirrors(self) -> bool:
        """Whether the authors' own augmentation mirrors images."""
        return "flip" in (self.augment or "")

    def on(self, data: str, net: "NetSettings") -> "PaperProtocol":
        """What the authors do on the data of that name with that network. DC alone makes a difference: on MNIST, and
        for ConvNets with batch norm, networks train 1,000 epochs under an augmentation of DC's own."""
        if self.name != "dc":
            return self
        from ddkit.data import DCAugment

        ops = "crop_scale_rotate" if data.lower() == "mnist" else ""
        if net.name == "convnet" and getattr(net, "norm", "") == "batch":
            ops = "crop_noise"
        return replace(self, epochs=1000, augmented=True, augment=f"{DCAugment.PREFIX}{ops}") if ops else self

    def augmentation(self, dsa: "DSA", flips: bool) -> "Augmentation":
        """What networks are trained under where the recipe has `dsa`; without `flips`, the authors' own loses them."""
        from ddkit.data import DSA, DCAugment

        if not self.augmented:
            return DSA("")
        if self.augment is None:
            return dsa
        if self.augment.startswith(DCAugment.PREFIX):
            return DCAugment(self.augment)
        own = DSA(self.augment)
        return own if flips else DSA(own.without_flip())

    def training(self, size: int) -> Training:
        """One training on `size` images.

        The steps are as many as the authors'; where the batch does not divide `size`, our batches are all full, while
        theirs are cut from one epoch's images, whose last batch is smaller.
        """
        return Training(
            steps=(self.epochs + (self.optimiser == "sgd")) * self._steps_an_epoch(size),
            batch=self.batch,
            optimiser=self.optimiser,
            mixup=self.mixup,
            drop_at=(self.epochs // 2 + 2) * self._steps_an_epoch(size),
            drop_factor=self.drop_factor,
            drop_resets=True,
            drop_momentum=self.drop_momentum,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )

    def looks(self, size: int) -> Sequence[int]:
        """The steps of a training on `size` images after which the test set is looked at."""
        steps, epoch = self.training(size).steps, self._steps_an_epoch(size)
        if self.look_every is None:
            return (steps,)
        looks = range(epoch, steps + 1, self.look_every * epoch)
        return (*looks, steps) if self.looks_last and looks[-1] < steps else looks

    def _steps_an_epoch(self, size: int) -> int:
        return -(-size // self.batch)


DECOUPLED: dict[str, Any] = {
    **{"epochs": 400, "of_snapshots": False, "augment": "crop+flip", "optimiser": "adamw", "lr": 1e-3},
    **{"weight_decay": 0.01, "mixup": 0.8, "temperature": 30.0, "authors_nets": 3},
}
"""What SRe2L and INFER share on CIFAR."""

INFER_STATIC = PaperProtocol(
    **DECOUPLED,
    name="infer",
    batch=64,
    look_every=10,
    looks_last=True,
    labels="static",
    remark="as the authors do on CIFAR; how they score sets of Tiny-ImageNet and ImageNet is not in their release",
)

PAPERS = {
    protocol.name: protocol
    for protocol in (
        PaperProtocol(name="mtt"),
        PaperProtocol(
            name="ftd",
            passes=2,
            remark="each network is trained twice in succession, without a new initialisation between: the authors "
            "train it on the images that are not averaged and then judge the averaged ones by it; a set holds its "
            "final images only, so here both trainings are on them",
        ),
        PaperProtocol(
            name="ast",
            drop_momentum=0.8,
            drop_factor=0.5,
            weight_decay=1e-3,
            look_every=20,
            authors_nets=1,
            remark="the authors' scripts train 300 to 1000 epochs, here 1000",
        ),
        PaperProtocol(name="datm", batch=128, authors_nets=1),
        PaperProtocol(
            name="dc",
            epochs=300,
            of_snapshots=False,
            augmented=False,
            authors_nets=20,
            remark="on data named mnist, and for ConvNets with batch norm, the authors train 1000 epochs under an "
            "augmentation of DC's own, and so it is here; elsewhere 300 epochs without any",
        ),
        PaperProtocol(name="dsa", of_snapshots=False, authors_nets=20),
        PaperProtocol(name="dm", of_snapshots=False, authors_nets=20),
        INFER_STATIC,
        replace(
            INFER_STATIC,
            name="infer-dyn",
            epochs=80,
            labels="dynamic",
            remark="80 epochs are the authors' 400 / (M + 1) with their M = 4 teachers, on CIFAR; how they score sets "
            "of Tiny-ImageNet and ImageNet is not in their release",
        ),
        PaperProtocol(
            **DECOUPLED,
            name="sre2l",
            batch=128,
            labels="dynamic",
            teachers_in_training=True,
            remark="as the authors do on CIFAR, where the teacher, never put into eval mode, names each batch under "
            "the batch's own statistics; on Tiny-ImageNet and ImageNet their protocols are others, which are not here",
        ),
    )
}
"""The protocols by method, read in the code that the authors released."""

PROTOCOLS = ("honest", "paper", *(f"paper-{name}" for name in PAPERS))
"""What an evaluation may be asked for."""


def full_name(protocol: str, method: str, labelled: bool = False) -> str:
    """The protocol that is meant: for "paper" that of `method`, which made the set, or MTT's where it has none.

    Raises:
        UsageError: there is no such protocol, or "paper" is one that knows no teachers' labels, and the set is
            `labelled` by teachers.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"protocol '{protocol}' is unknown; {nearest(protocol, PROTOCOLS)}")
    if protocol != "paper":
        return protocol
    known = method if method in PAPERS else "mtt"
    if labelled and PAPERS[known].labels == "auto":
        raise UsageError(
            f"protocol 'paper': that of {known} knows no teachers' labels, which this set of {method} has; name one "
            "that does, as paper-infer"
        )
    return f"paper-{known}"
