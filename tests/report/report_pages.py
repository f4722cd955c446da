"""Pages for the tests of reports."""

import torch
from random_graphs import distil, random_graph_data

from ddkit.methods import graph_method
from ddkit.report import (
    Code,
    Fold,
    Lines,
    Measured,
    Moment,
    Page,
    Section,
    TextTable,
    against_bytes,
    bars,
    curve_chart,
    first_images,
    image_gallery,
    tree_drawings,
)
from ddkit.synth import GraphSet

SCORES = (
    Measured("ftd", 93.5, 1.1, 2560, True),
    Measured("random-real", 71.1, 7.5, 640, False),
    Measured("kmeans", 87.6, 1.3, 640, False),
    Measured("whole", 99.6, 0.5, 82880, False),
    Measured("majority class", 10.0, None, None, False),
)

HOSTILE = "</script></style></svg><script>window.broken=1</script><img src=x onerror='window.broken=2'>\"' & <b>"


def images(count: int, seed: int, size: int = 8, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(seed))


def image_page(names: tuple[str, ...] = tuple("0123456789")) -> Page:
    """A page with every block that a run of images has."""
    labels = torch.arange(10).repeat_interleave(2)
    shown = first_images(labels)
    titles = ("initial images", "iteration 50", "finished set")
    moments = [Moment(title, images(20, seed)[shown]) for seed, title in enumerate(titles)]
    rows = [{"iteration": i, "loss": 1 / (1 + i), "lr": 0.05 - i / 1e5} for i in range(400)]
    scatter = against_bytes(SCORES, "accuracy %", "Accuracy against bytes")
    curves = [curve_chart(rows, name, name) for name in ("loss", "lr")]
    assert scatter is not None
    return Page(
        "ftd on digits",
        ("93.5 % from twenty images; random images of the same size: 71.1 %.", "n = 5."),
        ("A file is missing.",),
        (
            Section("Scores", (bars(SCORES, "accuracy %", "Accuracy"), scatter, wide_table(), Lines(("a note",)))),
            Section("Images", (image_gallery("ftd on digits", moments, labels, names, budget=10**6),)),
            Section("Curves", tuple(curve for curve in curves if curve is not None)),
            Section("Train", (Code("import ddkit\n" + "x" * 200), Fold("Recipe", "seed = 0\n" + "y" * 200))),
            Section("Nothing", ()),
        ),
    )


def wide_table() -> TextTable:
    return TextTable(tuple(f"column {i}" for i in range(12)), (tuple(f"value {i}" for i in range(12)),), "A wide table")


def tree_set(labels: int = 20, seed: int = 51) -> GraphSet:
    data = random_graph_data(seed, graphs=60, labels=labels, edge_labels=1)
    method = graph_method("mirage")
    return distil(method, method.settings_class(hops=1, ratio=0.5), data, 0)


def tree_page() -> Page:
    return Page("mirage", ("AUC 80 %.",), (), (Section("Trees", (tree_drawings(tree_set(), budget=10**6),)),))


def hostile_page() -> Page:
    """Every text of every block tries to break out of its place."""
    labels = torch.tensor([0])
    score = Measured(HOSTILE, 50.0, 1.0, 10, True)
    moments = [Moment(HOSTILE, images(1, seed)) for seed in range(2)]
    rows = [{"iteration": i, "loss": 1.0 + i} for i in range(3)]
    scatter, curve = against_bytes((score, score), HOSTILE, HOSTILE), curve_chart(rows, "loss", HOSTILE)
    assert scatter is not None and curve is not None
    blocks = (
        *(bars((score,), HOSTILE, HOSTILE), scatter, curve, Lines((HOSTILE,)), Code(HOSTILE), Fold(HOSTILE, HOSTILE)),
        TextTable((HOSTILE,), ((HOSTILE,),), HOSTILE),
        image_gallery(HOSTILE, moments, labels, (HOSTILE,), budget=10**5),
    )
    return Page(HOSTILE, (HOSTILE,), (HOSTILE,), (Section(HOSTILE, blocks),))
