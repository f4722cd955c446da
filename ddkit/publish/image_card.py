"""The card of a set of images."""

from ddkit.errors import counted
from ddkit.publish.card import Origin, Source, card, main_score
from ddkit.synth import Clipped, SyntheticSet


def image_card(made: SyntheticSet, lost: Clipped | None, source: Source, origin: Origin) -> str:
    """Return the card.

    Args:
        made: the set.
        lost: what its pictures of 8 bits lose; None: no pictures were made.
        source: where the reader finds the set.
        origin: its licence and papers.
    """
    facts = made.facts
    images = f"{facts.images_a_class} image" + "s" * (facts.ipc != 1)
    score = main_score(made.record, facts)
    about = (
        f"A synthetic training set for {facts.dataset}, condensed to {images} a class by {facts.title} "
        f"({counted(len(made), 'image')} of {counted(len(facts.classes), 'class', 'classes')}). {score}"
    )
    return card(
        source,
        origin,
        made.record,
        about=about.strip(),
        facts=_facts(made),
        training=_training(made),
        limits=_limits(made, lost),
    )


def _facts(made: SyntheticSet) -> dict[str, str]:
    facts, sizes = made.facts, made.stored_bytes()
    found = {
        "data": facts.dataset,
        "method": facts.title,
        "images": f"{len(made)} of {list(made.images.shape[1:])} (channels, height, width), "
        f"{facts.images_a_class} a class",
        "classes": ", ".join(facts.classes) if len(facts.classes) <= 100 else f"{len(facts.classes)}",
        "space": _space(made),
        "bytes": f"{sum(sizes.values()):,} before compression ({', '.join(f'{n} {s:,}' for n, s in sizes.items())})",
        "mirror images when training": _flips(made),
        "network": facts.net,
        "digest": made.digest,
        "digest of the data": facts.data_digest,
    }
    if made.compact is not None:
        found["compact form"] = made.compact.summary(max(facts.each))
    if facts.teachers:
        found["labels by"] = facts.teachers
    return found


def _space(made: SyntheticSet) -> str:
    facts = made.facts
    if facts.mean is None or facts.std is None:
        return f"whitened by ZCA fitted to the training data, digest {facts.preprocess_digest}"
    mean, std = (", ".join(map(repr, values)) for values in (facts.mean, facts.std))
    return f"normalised: (raw - mean) / std with raw in [0, 1], mean {mean}, std {std}"


def _flips(made: SyntheticSet) -> str:
    share = made.facts.evaluation_flip
    return f"with probability {share:g}" if share else "never"


def _training(made: SyntheticSet) -> list[str]:
    facts = made.facts
    lines = [f"Train on the images in the set's space ({facts.space}), and bring test images into the same space."]
    if made.soft_labels is None:
        lines.append("Use cross entropy with the labels.")
    elif facts.temperature is None:
        lines.append("Use cross entropy with `soft_label`, which holds class probabilities, rather than with `label`.")
    else:
        lines.append(
            f"`soft_label` holds logits of teachers: compare softmax(soft_label / {facts.temperature:g}) with "
            f"softmax(output / {facts.temperature:g}) by cross entropy."
        )
    if facts.evaluation_flip:
        lines.append(f"Mirror each image with probability {facts.evaluation_flip:g} at every step.")
    else:
        lines.append("Do not mirror the images.")
    if facts.augment:
        lines.append(f"Augment by DSA with `{facts.augment}`, under which the set was made.")
    if facts.lr is not None:
        lines.append(f"The method learned the learning rate {facts.lr:.4g}, for plain gradient descent.")
    return lines


def _limits(made: SyntheticSet, lost: Clipped | None) -> list[str]:
    lines = []
    if lost is not None:
        share = 100 * lost.values / lost.of
        cut = f"; {share:.2g} % of the values are outside [0, 1] and were clipped" if lost.values else ""
        lines.append(
            f"The pictures of configuration `default` have 8 bits a channel{cut}. Train on `exact` or on `set.h5`."
        )
    if made.compact is not None:
        lines.append("The pictures are the expanded images; `set.h5` holds the compact form, from which they follow.")
    lines.append(f"The set was made with the network {made.facts.net}; other networks may learn less from it.")
    lines.append("The images are derived from real ones. Do not assume that they protect the privacy of people.")
    return lines
