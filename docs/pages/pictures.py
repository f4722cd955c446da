"""The figures and the title of each chart. The title is the conclusion of the chart's page."""

from collections.abc import Mapping

import boards
from charts import Panel, Picture, Scatter
from score_file import Figure, ScoreFile

Files = Mapping[str, ScoreFile]


def pictures(files: Files) -> tuple[Picture | Scatter, ...]:
    """The charts of all pages. The name of a chart begins with that of its page."""
    return (
        _small_sets(files),
        _packed(files),
        _labels(files),
        _flips(files),
        _graphs(files),
        _speed(files),
        *boards.pictures(),
    )


def _small_sets(files: Files) -> Picture:
    digits, cifar_10 = files["trajectory-digits"], files["fyi-cifar10-ipc10"]

    def panel(title: str, file: ScoreFile, **row: object) -> Panel:
        lines = {
            "random real": {"real images": file.get("random-real", **row)},
            "k-means": {"real images": file.get("kmeans", **row)},
            "FTD": {"condensed images": file.get("ftd", **row)},
        }
        whole = file.find(name="whole", **row) or file.find(name="whole", ipc=1)  # one whole serves all sizes
        assert whole is not None
        return Panel(title, lines, ("all training images", Figure(100 * whole["mean"])))

    panels = (
        panel("digits, 1 a class", digits, ipc=1),
        panel("Fashion-MNIST, 1 a class", files["trajectory-fashion-mnist-ipc1"], ipc=1),
        panel("CIFAR-10, 1 a class", files["trajectory-cifar10-ipc1"], ipc=1),
        panel("digits, 10 a class", digits, ipc=10),
        panel("Fashion-MNIST, 10 a class", files["trajectory-fashion-mnist-ipc10"], ipc=10),
        panel("CIFAR-10, 10 a class", cifar_10, flips="1/12", fyi=False),
    )
    title = "FTD's images beat random real images; on digits at ten a class, k-means images are as good"
    return Picture("small-sets", title, panels, "test accuracy %", columns=3)


def _packed(files: Files) -> Picture:
    panels = []
    for title, name in (
        ("CIFAR-10, 1 a class", "best-cifar10-ipc1"),
        ("Fashion-MNIST, 1 a class", "best-fashion-mnist-ipc1"),
    ):
        file = files[name]
        lines = {
            text: {"whole images": file.get(row), "packed 2 x 2": file.get(f"{row}, packed 2x2")}
            for text, row in (("random real", "random-real"), ("herding", "herding"), ("k-means", "kmeans"))
        }
        panels.append(Panel(title, {**lines, "best": {"packed 2 x 2": file.get("best+2x2")}}))
    title = "Packing alone helps real images; condensed packed images are far above them"
    return Picture("packed", title, tuple(panels), "test accuracy %")


def _labels(files: Files) -> Picture:
    names = ("infer", "sre2l", "rded", "ftd", "random-real", "kmeans")
    policies = {"hard labels": "hard", "static labels": "static", "dynamic labels": "dynamic"}
    panels = []
    for ipc in (10, 50):
        file = files[f"labels-fashion-mnist-ipc{ipc}"]
        lines = {n: {text: file.get(n, labels=policy) for text, policy in policies.items()} for n in names}
        panels.append(Panel(f"Fashion-MNIST, {ipc} a class", lines))
    title = "Under equal labels FTD's images beat random real images; INFER's, SRe2L's and RDED's do not"
    return Picture("labels", title, tuple(panels), "test accuracy %")


def _flips(files: Files) -> Picture:
    panels = []
    for data, name in (("fashion-mnist", "Fashion-MNIST"), ("cifar10", "CIFAR-10")):
        for ipc in (1, 10):
            file = files[f"fyi-{data}-ipc{ipc}"]
            sides = {"alone": False, "with FYI": True}
            lines = {
                host: {text: file.get(host, flips="1/2", fyi=fyi) for text, fyi in sides.items()}
                for host in ("mtt", "ftd", "dc", "dsa", "dm")
            }
            panels.append(Panel(f"{name}, {ipc} a class", lines))
    title = "Under equal flips, FYI helps only on CIFAR-10 at one image a class"
    return Picture("flips", title, tuple(panels), "test accuracy % (images mirrored half of the time)")


def _graphs(files: Files) -> Picture:
    file = files["graphs"]
    names = {"random graphs": "random, stored", "mirage": "mirage", "mirage-plus": "mirage-plus"}
    lines: dict[str, dict[str, Figure | None]] = {}
    for data in dict.fromkeys(row["data"] for row in file.rows):
        lines[data] = {text: file.get(name, data=data, hops=2, size="1%", gnn="gin") for text, name in names.items()}
    above = sum(_mean(marks["mirage-plus"]) > _mean(marks["random graphs"]) for marks in lines.values())
    title = f"At 1 % of the bytes mirage-plus is above random graphs on {above} of {len(lines)} datasets"
    panel = Panel("sets of 1 % of the training graphs' bytes, GIN, two hops", lines)
    return Picture("graphs", title, (panel,), "ROC-AUC % on the test graphs", columns=1)


def _mean(figure: Figure | None) -> float:
    return -1.0 if figure is None else figure.mean


def _speed(files: Files) -> Picture:
    names = {
        "gradient, digits": "unroll-digits",
        "gradient, ConvNet-D3/128": "unroll-cpu",
        "gradient, the same in bfloat16": "unroll-cpu-bf16",
        "gradient, the same, b = N = 50": "unroll-cpu-large",
        "8 plain experts, digits": "experts-digits-plain",
        "8 flat experts, digits": "experts-digits-flat",
        "8 plain experts, CIFAR-10": "experts-cifar10-plain",
        "2 flat experts, CIFAR-10": "experts-cifar10-flat",
    }
    ratios = {text: (files[name].find(name="ours") or {})["ratio"] for text, name in names.items()}
    lines = {text: {"ddkit": Figure(ratio)} for text, ratio in ratios.items()}
    title = f"On a CPU ddkit is {min(ratios.values()):.1f} to {max(ratios.values()):.1f} times as fast as the textbook"
    panel = Panel("ratio of median seconds, textbook / ddkit", lines, ("textbook", Figure(1.0)))
    return Picture("speed", title, (panel,), "times as fast", columns=1)
