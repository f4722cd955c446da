"""How a network is trained on a set that is judged."""

from dataclasses import dataclass

from ddkit.evaluation.settings import EvaluateSettings

LR_GRIDS = {"sgd": (0.003, 0.01, 0.03, 0.1), "adamw": (0.0003, 0.001, 0.003, 0.01)}
"""The learning rates among which protocol `honest` chooses for each row."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Steps, batches, optimiser, and what happens to labels on the way.

    "sgd": momentum, lr x `drop_factor` from step `drop_at` on. There the momentum starts anew if `drop_resets`, as in
    the published code, which makes a new optimiser, and is `drop_momentum` where given. "adamw": a cosine of the lr.
    `mixup` is the Beta distribution's parameter, 0 for none; labels that are logits are mixed as such or, with
    `mix_probabilities`, after the softmax.
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
    mixup: float = 0.0
    mix_probabilities: bool = False


def honest_training(settings: EvaluateSettings, size: int) -> Training:
    """Of a set of `size` images: the larger of `settings.steps` steps and `settings.epochs` epochs, with batches of at
    most `settings.batch`; SGD's lr falls to a tenth half-way."""
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
