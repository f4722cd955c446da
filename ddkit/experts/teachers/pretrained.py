"""Teachers with torchvision's weights, which were trained on ImageNet. torchvision downloads them."""

from pathlib import Path
from typing import Any

import torch

from ddkit.data import RealData
from ddkit.errors import DataError, reason
from ddkit.experts.teachers.bundle import DAMAGE, Bundle, TeacherFacts
from ddkit.nets import FlatNet, accuracy, parse_net

WEIGHTS = "IMAGENET1K_V1"

SHARE = 0.5
"""Share of torchvision's stated accuracy. Below it, the data's classes are assumed to be in another order than
ImageNet's, in which case the accuracy is near 0."""


def is_cached(model: str) -> bool:
    """Whether the weights are stored on this machine."""
    from torchvision.models import get_model_weights

    return _cache(get_model_weights(model)[WEIGHTS]).exists()


def _cache(weights: Any) -> Path:
    """The file in which torch stores the weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name


def pretrained(model: str, real: RealData) -> Bundle:
    """The network `model` with torchvision's weights, for images with data.preprocess "imagenet".

    The order of classes is checked by the accuracy on the validation part. Class names cannot be compared, because the
    folders of ImageNet mostly have WordNet's numbers as names.

    Raises:
        DataError: weights that cannot be downloaded; data with another number of classes; or a much lower accuracy than
            torchvision states.
        UsageError: the model is unknown.
    """
    net = FlatNet(parse_net(f"torchvision(model={model})"), real.data.shape, real.data.class_count)
    from torchvision.models import get_model_weights  # slow to import

    weights = get_model_weights(model)[WEIGHTS]
    stated = len(weights.meta["categories"])
    if real.data.class_count != stated:
        raise DataError(
            f"teacher 'torchvision:{model}': has {stated} classes, the data has {real.data.class_count}; train "
            "teachers on the data"
        )
    try:
        state = {name: value.float() for name, value in weights.get_state_dict(progress=False, check_hash=True).items()}
        device = real.train.images.device
        kinds = ("running_mean", "running_var", "num_batches_tracked")
        theta = torch.cat([value.flatten() for name, value in state.items() if not name.endswith(kinds)]).to(device)
        values = [value.to(device) for name, value in state.items() if name.endswith(kinds[:2])]
        stats = dict(zip(net.init_stats(theta), values, strict=True))
    except DAMAGE as error:  # no network connection, or a damaged file
        raise DataError(
            f"teacher 'torchvision:{model}': its weights cannot be loaded from {weights.url} ({reason(error)}); put "
            f"that file into {_cache(weights).parent}"
        ) from None
    found = accuracy(net, theta, real.validation.images, real.validation.labels, stats)
    expected = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100
    if found < SHARE * expected:
        raise DataError(
            f"teacher 'torchvision:{model}': has an accuracy of {100 * found:.1f} % on the validation part, where "
            f"torchvision states {100 * expected:.1f} %; check that the classes are in ImageNet's order, and that "
            'data.preprocess = "imagenet"'
        )
    return Bundle(theta, stats, TeacherFacts.of(net, real, f"torchvision {WEIGHTS}", found))
