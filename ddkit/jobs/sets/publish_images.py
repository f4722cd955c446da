"""Cards and dataset repositories of sets of images."""

from functools import partial
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from ddkit.jobs.sets.origin import origin_of, report_origin
from ddkit.publish import (
    PREVIEW,
    Repository,
    Source,
    bibtex,
    front_matter,
    image_card,
    image_tables,
    refuse_other_readme,
    table_files,
)
from ddkit.report import gallery
from ddkit.run import Meter
from ddkit.synth import SyntheticSet, clipped, load_images, write_set

SET = "set.h5"
RECIPE = "ddkit show {set} --recipe > recipe.toml && ddkit condense --recipe recipe.toml"
"""What makes a set again."""


def ready_made_card(name: str) -> str:
    """The card of a ready-made set of images, which lies beside it as NAME.md with the picture NAME.png."""
    made = load_images(name)
    source = Source(
        name=name,
        loading=[("ddkit", f'import ddkit\n\nsynthetic = ddkit.load("{name}")'), _by_h5py(made, f"{name}.h5")],
        picture=f"{name}.png",
        command=RECIPE.format(set=name),
        evaluate=f"ddkit evaluate {name}",
    )
    return image_card(made, None, source, origin_of(made))


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
    name = f"{facts.dataset}-{facts.title}-ipc{facts.ipc}"
    tables = image_tables(made, raw)
    source = Source(
        name=name,
        loading=[_by_datasets(made, repo or "PATH/TO/THIS/FOLDER"), _by_h5py(made, SET), _by_ddkit()],
        picture=PREVIEW,
        command=RECIPE.format(set=SET),
        evaluate=f"ddkit evaluate {SET}",
    )
    head = front_matter(
        name, "image-classification", len(made), origin.licence.identifier, (facts.title,), table_files(tables)
    )
    repository = Repository(
        name=name,
        about=f"{facts.dataset} condensed to {facts.ipc} images a class by {facts.title}.",
        licence=origin.licence.text,
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


def _by_datasets(made: SyntheticSet, repo: str) -> tuple[str, str]:
    shape = ", ".join(map(str, made.images.shape[1:]))
    lines = (
        "from datasets import load_dataset",
        "",
        f'pictures = load_dataset("{repo}", split="train")  # for looking: `image` has 8 bits a channel',
        f'rows = load_dataset("{repo}", "exact", split="train").with_format("numpy")[:]  # for training',
        f'images, labels = rows["values"].reshape(-1, {shape}), rows["label"]',
    )
    return "`datasets`", "\n".join(lines)


def _by_h5py(made: SyntheticSet, file: str) -> tuple[str, str]:
    arrays = 'images, labels = file["image"][:], file["label"][:]'
    if made.compact is not None:  # examples/train_on_a_compact_set.py expands it
        arrays = 'real, compensators = file["compact/real"][:], file["compact/compensator"][:]  # the compact form'
    return "h5py alone", f'import h5py\n\nwith h5py.File("{file}") as file:\n    {arrays}'


def _by_ddkit() -> tuple[str, str]:
    return "ddkit", f'import ddkit\n\nsynthetic = ddkit.load("{SET}")'
