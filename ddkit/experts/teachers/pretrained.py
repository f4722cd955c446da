"""Teachers that torchvision trained on ImageNet, by name; torchvision downloads them."""

from pathlib import Path
from typing import Any

import torch

from ddkit.data import RealData
from ddkit.errors import DataError, reason
from ddkit.experts.teachers.bundle import DAMAGE, Bundle, TeacherFacts
from ddkit.nets import FlatNet, accuracy, parse_net

WEIGHTS = "IMAGENET1K_V1"

SHARE = 0.5
"""Of the accuracy that torchvision states, below which a teacher on our data is taken for one that knows the classes in
another order: then it is hardly ever right."""


def is_cached(model: str) -> bool:
    """Whether torchvision has the weights on this disk."""
    from torchvision.models import get_model_weights

    return _cache(get_model_weights(model)[WEIGHTS]).exists()


def _cache(weights: Any) -> Path:
    """Where torch keeps them."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name


def pretrained(model: str, real: RealData) -> Bundle:
    """The network `model` with torchvision's weights, for images normalised as ImageNet's (data.preprocess "imagenet").

    Class names cannot be compared (folders are mostly called by WordNet's numbers), so the order of classes is held to
    what the teacher says of the validation part.

    Raises:
        DataError: weights that cannot be downloaded; data of another number of classes, or on which the network is
            not what it should be.
        UsageError: the model is none that is known here.
    """
    net = FlatNet(parse_net(f"torchvision(model={model})"), real.data.shape, real.data.class_count)
    from torchvision.models import get_model_weights  # takes a second

    weights = get_model_weights(model)[WEIGHTS]
    stated = len(weights.meta["categories"])
    if real.data.class_count != stated:
        raise DataError(
            f"teacher 'torchvision:{model}': knows {stated} classes, the data has {real.data.class_count}; train "
            "teachers of its own"
        )
    try:
        state = {name: value.float() for name, value in weights.get_state_dict(progress=False, check_hash=True).items()}
        device = real.train.images.device
        kinds = ("running_mean", "running_var", "num_batches_tracked")
        theta = torch.cat([value.flatten() for name, value in state.items() if not name.endswith(kinds)]).to(device)
        values = [value.to(device) for name, value in state.items() if name.endswith(kinds[:2])]
        stats = dict(zip(net.init_stats(theta), values, strict=True))
    except DAMAGE as error:  # no network; a file that is cut off, or another one
        raise DataError(
            f"teacher 'torchvision:{model}': its weights cannot be had from {weights.url} ({reason(error)}); put that "
            f"file into {_cache(weights).parent}"
        ) from None
    found = accuracy(net, theta, real.validation.images, real.validation.labels, stats)
    expected = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100
    if found < SHARE * expected:
        raise DataError(
            f"teacher 'torchvision:{model}': is right on {100 * found:.1f} % of the validation part, where torchvision "
            f'states {100 * expected:.1f} %; are the classes in ImageNet\'s order, and is data.preprocess = "imagenet"?'
        )
    return Bundle(theta, stats, TeacherFacts.of(net, real, f"torchvision {WEIGHTS}", found))
