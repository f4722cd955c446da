"""The papers' protocols as data: how the released code of each paper trains networks on a set, and what it reports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ddkit.evaluation.settings import LABEL_POLICIES
from ddkit.evaluation.training import Training
from ddkit.recipe import setting

if TYPE_CHECKING:  # protocols are listed without torch
    from ddkit.data import DSA, Augmentation
    from ddkit.nets import NetSettings


@dataclass(frozen=True, kw_only=True)
class PaperProtocol:
    """The evaluation of one paper's released code.

    With SGD, networks are trained for `epochs` + 1 epochs in batches of at most `batch`. After epoch `epochs` // 2 + 1
    (counted from 0), a new optimiser is made: the lr is multiplied by `drop_factor`, the momentum becomes
    `drop_momentum`, and the velocity is 0. With AdamW, networks are trained for `epochs` epochs under a cosine of the
    lr, or the lr is halved.
    """

    name: str = setting(help="the method of the authors")
    epochs: int = setting(1000, help="epochs of training")
    batch: int = setting(256, help="batch size, at most the whole set")
    momentum: float = setting(0.9, help="momentum")
    drop_momentum: float = setting(0.9, help="momentum after the lr has dropped")
    drop_factor: float = setting(0.1, help="factor of the lr from half-way on")
    weight_decay: float = setting(5e-4, help="weight decay")
    look_every: int | None = setting(
        None,
        help="epochs between two test accuracies, from the first epoch on; the best is reported; none: only the last "
        "step is tested",
    )
    looks_last: bool = setting(False, help="whether the networks are also tested after the last epoch")
    passes: int = setting(1, help="number of successive trainings of the same networks before they are judged")
    of_snapshots: bool = setting(True, help="whether the best of a run's snapshots is reported; else its last set")
    augmented: bool = setting(True, help="whether networks are trained under the recipe's augmentation")
    augment: str | None = setting(
        None,
        help="the authors' augmentation, which replaces the recipe's: a strategy of DSA or DC; its flips are left "
        "out if they change labels",
    )
    optimiser: str = setting("sgd", help="sgd or adamw")
    lr: float | None = setting(None, help="the authors' lr; none: the learned one, or 0.01")
    halvings: int = setting(0, help="how often AdamW's lr is halved, at equal distances; 0: it has a cosine")
    mixup: float = setting(0.0, help="parameter of mixup's Beta distribution; 0: images are not mixed")
    cutmix: float = setting(0.0, help="probability that a batch is mixed by CutMix; 0: images are not mixed")
    labels: str = setting("auto", one_of=LABEL_POLICIES, help="policy of labels")
    temperature: float | None = setting(None, help="temperature of teachers' logits; none: the set's")
    teachers_in_training: bool = setting(False, help="whether teachers' batch norms use each batch's statistics")
    authors_nets: int = setting(5, help="number of networks that the authors trained on a set")
    remark: str = setting("", help="a further note for readers of the scores")

    @property
    def selects(self) -> bool:
        """Whether a snapshot or an epoch is chosen on the test set."""
        return self.of_snapshots or self.look_every is not None

    @property
    def obeys_recipe(self) -> bool:
        """Whether networks are trained under the recipe's augmentation."""
        return self.augmented and self.augment is None

    @property
    def mirrors(self) -> bool:
        """Whether the authors' augmentation mirrors images."""
        return "flip" in (self.augment or "")

    def on(self, data: str, net: "NetSettings") -> "PaperProtocol":
        """The protocol for the data of that name and a network.

        Only DC's protocol depends on them: on MNIST, and for ConvNets with batch norm, networks are trained for 1,000
        epochs under DC's own augmentation.
        """
        if self.name != "dc":
            return self
        from ddkit.data import DCAugment

        ops = "crop_scale_rotate" if data.lower() == "mnist" else ""
        if net.name == "convnet" and getattr(net, "norm", "") == "batch":
            ops = "crop_noise"
        return replace(self, epochs=1000, augmented=True, augment=f"{DCAugment.PREFIX}{ops}") if ops else self

    def augmentation(self, dsa: "DSA", flips: bool) -> "Augmentation":
        """The augmentation of the networks' training.

        Args:
            dsa: the recipe's augmentation.
            flips: whether the authors' augmentation keeps its flips.
        """
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

        The number of steps is that of the authors. If the batch size does not divide `size`, all batches here are full,
        while the last batch of an epoch is smaller in the authors' code.
        """
        return Training(
            steps=(self.epochs + (self.optimiser == "sgd")) * self._steps_an_epoch(size),
            batch=self.batch,
            optimiser=self.optimiser,
            halvings=self.halvings,
            mixup=self.mixup,
            cutmix=self.cutmix,
            drop_at=(self.epochs // 2 + 2) * self._steps_an_epoch(size),
            drop_factor=self.drop_factor,
            drop_resets=True,
            drop_momentum=self.drop_momentum,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
        )

    def looks(self, size: int) -> Sequence[int]:
        """The steps of a training on `size` images after which the networks are tested."""
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
"""Settings that SRe2L and INFER share on CIFAR."""

INFER_STATIC = PaperProtocol(
    **DECOUPLED,
    name="infer",
    batch=64,
    look_every=10,
    looks_last=True,
    labels="static",
    remark="as the authors do on CIFAR; their release has no evaluation for Tiny-ImageNet and ImageNet",
)

PAPERS = {
    protocol.name: protocol
    for protocol in (
        PaperProtocol(name="mtt"),
        PaperProtocol(
            name="ftd",
            passes=2,
            remark="each network is trained twice in succession, without a new initialisation between: the authors "
            "train it on the images before averaging, then on the averaged images; a set has only its final images, "
            "so here both trainings use these",
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
            remark="as the authors do: 1000 epochs under DC's augmentation on data named mnist and for ConvNets with "
            "batch norm, and 300 epochs without augmentation otherwise",
        ),
        PaperProtocol(name="dsa", of_snapshots=False, authors_nets=20),
        PaperProtocol(name="dm", of_snapshots=False, authors_nets=20),
        PaperProtocol(
            name="ncfm",
            epochs=2000,
            batch=128,
            look_every=100,
            looks_last=True,
            of_snapshots=False,
            augment="flip+color+crop_scale_rotate",
            optimiser="adamw",
            lr=1e-3,
            weight_decay=0.01,
            halvings=4,
            cutmix=0.5,
            authors_nets=10,
            remark="as the authors do, except on Tiny-ImageNet: 300 epochs there at ten images a class, and 40 at "
            "fifty; their optional teachers' labels are left out",
        ),
        INFER_STATIC,
        replace(
            INFER_STATIC,
            name="infer-dyn",
            epochs=80,
            labels="dynamic",
            remark="80 epochs are the authors' 400 / (M + 1) with their M = 4 teachers, on CIFAR; their release has no "
            "evaluation for Tiny-ImageNet and ImageNet",
        ),
        PaperProtocol(
            **DECOUPLED,
            name="sre2l",
            batch=128,
            labels="dynamic",
            teachers_in_training=True,
            remark="as the authors do on CIFAR: the teacher stays in training mode, so its batch norms use the "
            "statistics of each batch; the authors' protocols for Tiny-ImageNet and ImageNet are not implemented",
        ),
    )
}
"""The protocols by method, taken from the code that the authors released."""
