"""The training of networks on a row of a table."""

from dataclasses import dataclass

from ddkit.evaluation.settings import EvaluateSettings

LR_GRIDS = {"sgd": (0.003, 0.01, 0.03, 0.1), "adamw": (0.0003, 0.001, 0.003, 0.01)}
"""The learning rates of protocol `honest`, which chooses one of them for each row."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Steps, batches, optimiser and mixing.

    The optimiser "sgd" has momentum. From step `drop_at` on, the lr is multiplied by `drop_factor` and the momentum is
    `drop_momentum`, if that is given; with `drop_resets`, the velocity is set to 0, as in published code that makes a
    new optimiser. The optimiser "adamw" has a cosine of the lr, or halves it `halvings` times at equal distances.

    `mixup` is the parameter of the Beta distribution; 0 means no mixup. `cutmix` is the probability that a batch is
    mixed by boxes; 0 means no CutMix. A training has one of both. Labels that are logits are mixed as logits, or as
    probabilities with `mix_probabilities`.
    """

    steps: int
    batch: int
    drop_at: int = 0
    optimiser: str = "sgd"
    drop_factor: float = 0.1
    drop_resets: bool = False
    drop_momentum: float | None = None
    momentum: float = 0.9
    weight_decay: float = 5e-4
    halvings: int = 0
    mixup: float = 0.0
    cutmix: float = 0.0
    mix_probabilities: bool = False


def honest_training(settings: EvaluateSettings, size: int) -> Training:
    """The training on a set of `size` images under protocol `honest`.

    It has the larger number of `settings.steps` steps and `settings.epochs` epochs, with batches of at most
    `settings.batch`. The lr of SGD falls to a tenth half-way.
    """
    steps = max(settings.steps, -(-settings.epochs * size // settings.batch))
    decay = {"sgd": 5e-4, "adamw": 0.01}[settings.optimiser]
    return Training(
        steps=steps,
        batch=settings.batch,
        drop_at=steps // 2,
        optimiser=settings.optimiser,
        weight_decay=decay,
        mixup=settings.mixup,
        mix_probabilities=settings.mix == "probabilities",
    )
