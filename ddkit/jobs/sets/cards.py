"""Cards of sets, and the code on them that loads a set."""

from ddkit.arguments import checked
from ddkit.jobs.sets.origin import origin_of
from ddkit.publish import Source, graph_card, image_card
from ddkit.synth import GraphSet, Packed, SyntheticSet, load

SET = "set.h5"
"""The set's file in a published folder."""

RECIPE = "ddkit show {set} --recipe > recipe.toml && ddkit condense --recipe recipe.toml"
"""What makes a set again."""


@checked
def ready_made_card(name: str, command: str | None = None) -> str:
    """The card of a ready-made set. It lies beside the set as NAME.md, with the picture NAME.png.

    Args:
        name: of the set.
        command: what makes the set; default the command that uses the recipe in its file.

    Raises:
        DataError: there is no such set.
    """
    made = load(name)
    source = Source(
        name=name,
        loading=[("ddkit", f'import ddkit\n\nsynthetic = ddkit.load("{name}")'), by_h5py(made, f"{name}.h5")],
        picture=f"{name}.png",
        command=command or RECIPE.format(set=name),
        evaluate=f"ddkit evaluate {name}",
    )
    origin = origin_of(made)
    return graph_card(made, source, origin) if isinstance(made, GraphSet) else image_card(made, None, source, origin)


def published_source(made: SyntheticSet | GraphSet, name: str, repo: str, picture: str, table: bool = True) -> Source:
    """Where the reader of a published card finds the set.

    Args:
        made: the set.
        name: of the dataset.
        repo: its name on the Hub; "" if it is not known.
        picture: file of the preview.
        table: whether the set is published as tables, too.
    """
    place = repo or "PATH/TO/THIS/FOLDER"
    by_datasets = [("`datasets`", "\n".join(_by_datasets(made, place)))] if table else []
    by_ddkit = ("ddkit", f'import ddkit\n\nsynthetic = ddkit.load("{SET}")')
    return Source(
        name=name,
        loading=[*by_datasets, by_h5py(made, SET), by_ddkit],
        picture=picture,
        command=RECIPE.format(set=SET),
        evaluate=f"ddkit evaluate {SET}",
    )


def _by_datasets(made: SyntheticSet | GraphSet, place: str) -> tuple[str, ...]:
    begin = ("from datasets import load_dataset", "")
    if isinstance(made, GraphSet):
        return (
            *begin,
            f'rows = load_dataset("{place}", split="train").with_format("torch")',
            'edges, nodes, label = (rows[0][name] for name in ("edge_index", "node_feat", "y"))',
        )
    shape = ", ".join(map(str, made.images.shape[1:]))
    return (
        *begin,
        f'pictures = load_dataset("{place}", split="train")  # for looking: `image` has 8 bits a channel',
        f'rows = load_dataset("{place}", "exact", split="train").with_format("numpy")[:]  # for training',
        f'images, labels = rows["values"].reshape(-1, {shape}), rows["label"]',
    )


def by_h5py(made: SyntheticSet | GraphSet, file: str) -> tuple[str, str]:
    """(what the code needs, the code that reads the set's file without ddkit)."""
    if isinstance(made, GraphSet):
        arrays = 'arrays = {name: file[name][()] for name in file if name != "ddkit"}'
    elif isinstance(made.compact, Packed):  # examples/train_on_a_packed_set.py expands it
        arrays = 'packed, factor = file["compact/image"][:], file.attrs["formation"]  # factor x factor images in each'
    elif made.compact is not None:  # examples/train_on_a_compact_set.py expands it
        arrays = 'real, compensators = file["compact/real"][:], file["compact/compensator"][:]  # the compact form'
    else:
        arrays = 'images, labels = file["image"][:], file["label"][:]'
    return "h5py alone", f'import h5py\n\nwith h5py.File("{file}") as file:\n    {arrays}'
