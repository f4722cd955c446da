"""Labels that the target of a student gives, as in TESLA's soft label assignment (Cui et al., ICML 2023).

In each iteration the label of a synthetic image is the softmax of the target's logits for it. Nothing is learned, and
no gradient flows through the labels. The labels of the set are those of the last iteration. Until the first iteration
they are the classes. Nothing holds an image to its class: if the targets classify the images badly, no label may name
some of the classes. Then the set teaches little of these classes, and there is a warning.
"""

import warnings
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from ddkit.errors import DDKitWarning, RecipeError
from ddkit.nets import FlatNet
from ddkit.recipe import Settings, setting
from ddkit.steps import step_for


@dataclass(frozen=True, kw_only=True)
class TargetLabels(Settings):
    """Whether the target of each student labels the synthetic images."""

    target_labels: bool = setting(
        False, later=True, help="each student's target labels the images (TESLA); needs soft_labels, with lr_y = 0"
    )

    def refuse_two_sources(self, soft_labels: bool, lr_y: float) -> None:
        """Raise RecipeError if the target gives labels that are hard, or that are also learned."""
        if self.target_labels and not soft_labels:
            raise RecipeError("key 'method.target_labels': such labels are soft; set method.soft_labels=true")
        if self.target_labels and lr_y:
            raise RecipeError(
                f"key 'method.target_labels': the target gives the labels, so they are not learned; set method.lr_y=0, "
                f"now {lr_y:g}"
            )


def class_logits(labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, "n k"]:
    """Return logits whose softmax is exactly 1 for an image's class: the labels until a target has given some."""
    return 1000.0 * one_hot(labels, classes)


def target_logits(
    net: FlatNet, target: Float[Tensor, " p"], views: Float[Tensor, "m c h w"], images: int
) -> Float[Tensor, "n k"]:
    """Compute the target's logits of each of `images` images (small ones if packed): the mean over its views. The first
    views of all images stand in `views` before the second views of all images.

    Batch norm uses the statistics of the views.
    """
    logits: Tensor = step_for(net, target).logits(target, views.detach())
    turns: Tensor = logits.unflatten(0, (-1, images))
    return turns.mean(0)


def warn_of_unnamed_classes(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> None:
    """Warn if the labels do not name all of the images' classes."""
    named, classes = (one.unique().numel() for one in (logits.argmax(1), labels))
    if named < classes:
        warnings.warn(
            DDKitWarning(
                f"key 'method.target_labels': the targets' labels name {named} of {classes} classes; the set "
                "teaches little of the others; train the experts longer, or set method.target_labels=false and "
                "method.soft_labels=false"
            ),
            stacklevel=2,
        )
