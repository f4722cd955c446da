"""Dataset repositories of sets of images."""

from functools import partial
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from ddkit.jobs.sets.cards import SET, published_source
from ddkit.jobs.sets.origin import origin_of, report_origin
from ddkit.publish import (
    PREVIEW,
    Repository,
    bibtex,
    front_matter,
    image_card,
    image_tables,
    refuse_other_readme,
    table_files,
)
from ddkit.report import gallery
from ddkit.run import Meter
from ddkit.synth import SyntheticSet, clipped, write_set


def publish_images(
    made: SyntheticSet, raw: Float[Tensor, "n c h w"], folder: Path, repo: str, meter: Meter
) -> tuple[str, ...]:
    """Write a set as a dataset repository, and return the names of its files.

    Args:
        made: the set.
        raw: its images in [0, 1] pixels.
        folder: of the repository.
        repo: its name on the Hub; "" if it is not known.
        meter: shows remarks.

    Raises:
        DataError: see `Repository.write` and `image_tables`.
    """
    refuse_other_readme(folder)
    facts, origin, lost = made.facts, origin_of(made), clipped(raw)
    name = f"{facts.dataset}-{facts.title}-ipc{facts.images_a_class.replace(' ', '-')}"
    tables = image_tables(made, raw)
    source = published_source(made, name, repo, PREVIEW)
    head = front_matter(
        name, "image-classification", len(made), origin.licence.identifier, (facts.title,), table_files(tables)
    )
    repository = Repository(
        name=name,
        about=f"{facts.dataset} condensed to {facts.images_a_class} images a class by {facts.title}.",
        licence=origin.licence.text if origin.licence.declared else "",
        bibtex=bibtex(origin.papers or ()),
        url=f"https://huggingface.co/datasets/{repo}" if repo else "",
        readme=head + image_card(made, lost, source, origin),
        tables=tables,
        files={SET: partial(write_set, made)},
        preview=partial(gallery, None, raw, made.labels, facts.classes, name),
    )
    report_origin(made, origin, meter)
    if lost.values:
        meter.say(
            f"the pictures of configuration default clip {lost.values:,} of {lost.of:,} values, by at most "
            f"{lost.farthest:.3g} of the pixels' range; configuration exact and set.h5 hold them unclipped"
        )
    return repository.write(folder)
