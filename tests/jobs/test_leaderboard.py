"""Leaderboards against figures by hand, SciPy, and the scores in the ready-made sets."""

import json
import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from scipy.stats import ttest_ind

from ddkit import DataError, UsageError, leaderboard
from ddkit.cli.main import ddkit as command
from ddkit.jobs.reports.score_rows import lines_of_comparison
from ddkit.run import RunFolder, Seconds, SecondsFiles
from ddkit.synth import describe, list_sets

RANKING = {"hlr": [0.3, 0.2, 0.4], "ior": [0.2, None, None], "lrs": None, "ars": [0.25, 0.24, 0.26]}


def row(
    name: str, *accuracies: float, size: int | None = 100, lr: float | None = 0.1, images: int = 10
) -> dict[str, Any]:
    mean = sum(accuracies) / len(accuracies)
    own = {"name": name, "images": images, "accuracies": accuracies, "lr": lr, "seconds": 1.0, "size": size}
    return own | {"mean": mean, "interval95": 0.01 if len(accuracies) > 1 else None}


def table(
    *rows: dict[str, Any], net: str = "convnet(depth=1)", protocol: str = "honest", **more: Any
) -> dict[str, Any]:
    return {"protocol": protocol, "dataset": "toys", "net": net, "seed": 0, "scores": rows, "notes": [], **more}


def line(
    name: str, *accuracies: float, seconds: tuple[float, ...] = (), size: int = 100, **more: Any
) -> dict[str, Any]:
    kept = row(name, *accuracies, size=size)
    mean, half = kept.pop("mean"), kept.pop("interval95")
    part = {"data": "toys", "ipc": 1, "flip_share": 0.0, "labels": "auto", "expert_seconds": None} | more
    return part | {"name": name, "scores": [kept], "seconds": seconds, "mean": mean, "interval95": half}


def score_file(*rows: dict[str, Any], command: str = "ddkit compare a b", **facts: Any) -> dict[str, Any]:
    return {"command": command, "n": "3 sets x 5 networks", "data": "toys"} | facts | {"figures": {}, "rows": rows}


ROWS = (
    {
        "name": "mtt+2x2",
        "ipc": 1,
        "images": 40,
        "bytes": 99,
        "mean": 0.5,
        "interval95": 0.02,
        "fyi": True,
        "seconds": 7,
    },
    {"name": "mtt", "ipc": 1, "images": 10, "bytes": 99, "mean": 0.4, "interval95": 0.01, "labels": "static"},
    {"name": "random-real", "ipc": 1, "bytes": 10, "mean": 0.3, "values": [0.2, 0.4]},
    {"name": "random-real, packed 2x2", "ipc": 1, "mean": 0.35},
    {"name": "random-real", "ipc": 1, "labels": "static", "mean": 0.1},
    {"name": "random-real", "ipc": 10, "mean": 0.6},
    {"name": "whole", "ipc": 10, "mean": 0.9},
)


def written(file: Path, content: Any) -> Path:
    file.write_text(json.dumps(content))
    return file


def rows_of(page: Path) -> list[dict[str, str]]:
    """The rows of all tables of sets in the Markdown page, by heading."""
    found, head = [], []
    for text in page.with_suffix(".md").read_text().replace("\N{NO-BREAK SPACE}", " ").splitlines():
        cells = [cell.strip() for cell in text.strip("|").split(" | ")]
        if not text.startswith("| "):
            head = [] if not text.startswith("|---") else head
        elif not head:
            head = cells
        elif head[0] == "set":
            found.append(dict(zip(head, cells, strict=True)))
    return found


def test_the_ready_made_sets_stand_with_the_scores_and_gains_of_their_files(tmp_path: Path) -> None:
    pages = leaderboard(out=tmp_path)
    shown = {one["from"]: one for page in pages for one in rows_of(page) if "images" in one}
    for name, file in list_sets().items():
        found = describe(file)
        scores = {one["name"]: one for one in json.loads(found.record.scores)["scores"]}
        if "random-real" not in scores:
            continue
        own, random = next(iter(scores.values())), scores["random-real"]
        assert shown[name]["accuracy %"] == f"{100 * own['mean']:.1f} ± {100 * own['interval95']:.1f}"
        welch = ttest_ind(own["accuracies"], random["accuracies"], equal_var=False).confidence_interval()
        gain, half = 100 * (own["mean"] - random["mean"]), 50 * (welch.high - welch.low)
        assert shown[name]["over random"] == f"{gain:+.1f} ± {half:.1f}"
        assert shown[name]["bytes"] == f"{found.stored_bytes:,}"
    assert {page.stem for page in pages} == {describe(file).facts.dataset.lower() for file in list_sets().values()}
    for page in pages:
        means = [float((one.get("accuracy %") or one["AUC %"]).split()[0]) for one in rows_of(page)]
        nets = page.with_suffix(".md").read_text().count("Sets, best first")
        assert sum(b > a for a, b in pairwise(means)) <= nets - 1  # each section descends


def test_gains_of_a_comparison_are_over_the_random_images_of_its_part(tmp_path: Path) -> None:
    lines = [
        line("dm+2x2", 0.50, 0.54, seconds=(10.0,), expert_seconds=7.0, ddranking=RANKING),
        line("mtt", 0.40, 0.44, seconds=(5.0,)),
        line("dm", 0.60, 0.60, seconds=(3.0,), labels="static"),
        *(line(name, 0.30, 0.34) for name in ("random-real", "herding")),
        line("random-real, packed 2x2", 0.40, 0.42),
        line("random-real, same labels", 0.10, 0.10),
        line("random-real, same labels, packed 2x2", 0.20, 0.22),
        line("random-real", 0.50, 0.50, labels="static"),
        line("whole", 0.9, 0.9, size=10**6),
        line("random-real, plain", 0.7, 0.7),
    ]
    file = written(tmp_path / "compare.json", {"on": "test", "lines": lines, "notes": []})
    static, dm, whole = rows_of(leaderboard([file], tmp_path / "out")[0])
    assert (static["set"], static["over random"].split()[0]) == ("dm, labels static", "+10.0")
    assert static["over random, packed alike"] == static["seconds of experts"] == ""
    assert dm["from"] == whole["from"] == str(file)
    heads = ("over random", "over random, packed alike", "over random, same labels")
    assert [dm[head].split()[0] for head in heads] == ["+20.0", "+11.0", "+31.0"]
    assert [whole[head].split()[:1] for head in heads] == [["+10.0"], [], ["+32.0"]]  # its images are not packed
    assert (dm["seconds"], dm["seconds of experts"], dm["n"], dm["bytes"]) == ("10", "7", "2", "100")
    assert (dm["HLR %"], dm["IOR %"], dm["ARS %"]) == ("30.0 ± 10.0", "20.0", "25.0 ± 1.0") and "LRS %" not in dm
    html = (tmp_path / "out" / "toys.html").read_text()
    assert "random-real, packed 2x2: 41.0" in html and "whole: 90.0" in html and "herding: 32.0" in html
    chart = re.sub(r"<table.*?</table>", "", html, flags=re.DOTALL)
    assert "same labels, packed" not in chart and "plain" not in chart  # real data with classes and augmentation only


def test_the_networks_of_a_comparison_in_its_folder_are_those_of_its_sets(tmp_path: Path) -> None:
    name = "digits-ftd-ipc1"
    facts = describe(list_sets()[name]).facts
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "set.h5").write_bytes(list_sets()[name].read_bytes())
    lines = [line("ftd", 0.5, 0.6, seconds=(1.0,), data="digits"), line("random-real", 0.1, 0.2, data="digits")]
    written(tmp_path / "comparison.json", {"on": "test", "lines": lines, "notes": []})
    text = leaderboard([tmp_path], tmp_path / "out")[0].with_suffix(".md").read_text()
    assert f"## {facts.net}" in text
    other = written(tmp_path / "table.json", {"on": "test", "lines": lines, "notes": []})
    text = leaderboard([other], tmp_path / "out")[0].with_suffix(".md").read_text()
    assert "## Networks that the source does not state" in text


def test_other_networks_of_a_set_are_found_by_its_own_score(tmp_path: Path) -> None:
    """The file of `evaluate --cross` repeats the score in the set's file, which is one row."""
    own = json.loads(describe(list_sets()["digits-ftd-ipc1"]).record.scores)
    others = [
        table(row("ftd", *figures), net=net) | {"dataset": "digits"}
        for net, figures in (("vgg11", (0.4, 0.5)), ("resnet18", (0.6, 0.7)))
    ]
    paper = table(row("ftd", 0.99), protocol="paper-ftd")
    file = written(tmp_path / "cross.json", [own | {"ddranking": RANKING}, *others, paper])
    page = leaderboard(["digits-ftd-ipc1", file], tmp_path / "out")[0]
    first, *more = rows_of(page)
    assert (first["from"], first["other networks %"]) == ("digits-ftd-ipc1", "55.0 (2)")
    assert first["HLR %"] == "30.0 ± 10.0" and first["bytes"] == "2,560"  # from either source
    assert [one["from"] for one in more] == ["digits-ftd-ipc1"] * 2 and "99.0 %" not in page.read_text()
    assert "under protocol paper-ftd is left out" in page.read_text()
    assert "resnet18" in page.read_text()


def test_the_seconds_of_a_run_folder_are_those_of_its_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.set.write_bytes(list_sets()["digits-ftd-ipc1"].read_bytes())
    SecondsFiles(folder.path).write(Seconds(condensing=33.3, experts=4567.8))
    (one,) = rows_of(leaderboard([folder.path], tmp_path / "out")[0])
    assert (one["seconds"], one["seconds of experts"]) == ("33.3", "4,568")
    SecondsFiles(folder.path).finished.write_text("{}")
    page = leaderboard([folder.set], tmp_path / "out")[0]
    assert "seconds" not in rows_of(page)[0] and "seconds.json': is damaged" in page.with_suffix(".md").read_text()


def test_validation_scores_are_left_out(tmp_path: Path) -> None:
    lines = [line("dm", 0.5, 0.6, seconds=(1.0,))]
    file = written(tmp_path / "table.json", {"on": "validation", "lines": lines, "notes": []})
    with pytest.raises(UsageError, match=r"no source has an honest score.* judged on the validation part"):
        leaderboard([file], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_score_file_gives_the_rows_and_gains_of_its_figures(tmp_path: Path) -> None:
    file = written(tmp_path / "toys-1.json", score_file(*ROWS, net="mlp"))
    page = leaderboard([file], tmp_path / "out")[0]
    packed, static = rows_of(page)
    assert (packed["set"], packed["accuracy %"], packed["n"]) == ("mtt+fyi+2x2", "50.0 ± 2.0", "3 x 5")
    assert (packed["images"], packed["bytes"], packed["seconds"], packed["from"]) == ("40", "99", "7", "toys-1")
    assert (packed["over random"], packed["over random, packed alike"]) == ("+20.0", "+15.0")  # one value each
    assert (static["set"], static["over random"], static["seconds"]) == ("mtt, labels static", "+30.0", "")
    assert "## mlp" in page.with_suffix(".md").read_text() and "whole: 90.0" in page.read_text()


def test_gains_of_a_score_file_have_intervals_if_it_states_the_values(tmp_path: Path) -> None:
    own, random = [0.5, 0.6, 0.55], [0.2, 0.4]
    rows = ({"name": "dm", "ipc": 1, "images": 10, "mean": 0.55, "values": own}, ROWS[2])
    (shown,) = rows_of(leaderboard([written(tmp_path / "t.json", score_file(*rows))], tmp_path / "out")[0])
    welch = ttest_ind(own, random, equal_var=False).confidence_interval()
    assert shown["over random"] == f"+25.0 ± {50 * (welch.high - welch.low):.1f}"


def test_rivals_of_a_score_file_have_the_networks_flips_and_labels_of_the_set(tmp_path: Path) -> None:
    """Rows of two kinds of networks in one file. Flips are equal numbers, and a row that states none has none."""
    rows: list[dict[str, Any]] = []
    for net, own, random in (("mlp", 0.5, 0.3), ("lenet", 0.4, 0.1)):
        rows += [
            PLAIN | {"mean": own, "net": net, "flips": 0.5, "labels": "auto"},
            PLAIN | {"name": "random-real", "mean": random, "net": net, "flips": "1/2"},
            PLAIN | {"name": "random-real", "mean": 0.0, "net": net, "flips": 0.25},
            PLAIN | {"name": "whole", "mean": 2 * own, "net": net},
        ]
    page = leaderboard([written(tmp_path / "t.json", score_file(*rows))], tmp_path / "out")[0]
    assert [(one["accuracy %"], one["over random"]) for one in rows_of(page)] == [("50.0", "+20.0"), ("40.0", "+30.0")]
    rows = [PLAIN | {"flips": 0}, PLAIN | {"name": "random-real", "mean": 0.25}]
    (one,) = rows_of(leaderboard([written(tmp_path / "t.json", score_file(*rows))], tmp_path / "out")[0])
    assert one["over random"] == "+25.0"


def test_datasets_whose_names_differ_in_signs_have_a_page_each(tmp_path: Path) -> None:
    files = [
        written(tmp_path / f"{number}.json", score_file(PLAIN | {"mean": 0.1 * number}, data=data))
        for number, data in enumerate(("npz:my toys", "npz:my-toys", "npz:my_toys", "npz-my-toys-2"), 1)
    ]
    pages = leaderboard(files, tmp_path / "out")
    assert len({*pages}) == 4 and {page.stem for page in pages} >= {"npz-my-toys", "npz-my-toys-2"}
    assert sorted(one["accuracy %"] for page in pages for one in rows_of(page)) == ["10.0", "20.0", "30.0", "40.0"]


def test_each_file_of_a_folder_is_used_or_has_a_line_that_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    plain = {"name": "dm", "images": 10, "mean": 0.5}
    files = {
        "good": score_file(plain),
        "validation": score_file(plain, command="ddkit compare a --on validation"),
        "prose": score_file(plain, command="recipe a on the validation part (the command was not kept)"),
        "seconds": score_file({"name": "dm", "seconds": 3}),
        "rivals": score_file({"name": "kmeans", "images": 10, "mean": 0.5}),
        "nameless": {key: value for key, value in score_file({"name": "dm", "mean": 0.5}).items() if key != "data"},
        "odd": score_file(plain | {"mean": 50}),
        "other": {"a": 1},
    }
    for name, content in files.items():
        written(tmp_path / "scores" / f"{name}.json", content)
    result = CliRunner().invoke(command, ["leaderboard", str(tmp_path / "scores"), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0 and "wrote" in result.stdout
    said = dict.fromkeys(("validation", "prose"), "it is judged on the validation part")
    said |= dict.fromkeys(("seconds", "rivals"), "its rows have no scores of sets")
    said |= {"nameless": "its rows do not state 'data' and 'images'"}
    lines = [f"The score file '{name}' is left out: {why}." for name, why in said.items()]
    page = (tmp_path / "out" / "toys.md").read_text()
    assert all(line in result.stderr and line in page for line in lines)
    assert "odd.json': has another form" in page and "other.json': has no scores of a set" in page
    assert [one["from"] for one in rows_of(tmp_path / "out" / "toys.html")] == ["good"]


def test_a_score_file_and_its_command_s_table_are_one_row_and_equal_rounded_means_of_two_files_are_two(
    tmp_path: Path,
) -> None:
    """A score file has six decimals, or only a rounded mean, which two trainings can have."""
    exact = (0.5 + 1e-9, 0.6 - 1e-9)
    lines = [line("dm", *exact, seconds=(1.0,), network="mlp"), line("random-real", 0.1, 0.2, network="mlp")]
    compared = written(tmp_path / "table.json", {"on": "test", "lines": lines, "notes": []})
    kept = {"name": "dm", "images": 10, "mean": 0.55, "values": [0.5, 0.6], "net": "mlp"}
    plain = {"name": "dsa", "images": 10, "mean": 0.93, "net": "mlp"}
    files = [written(tmp_path / f"{name}.json", score_file(kept, plain)) for name in ("one", "other")]
    sources = [compared, *files, files[0]]
    shown = [(one["set"], one["from"]) for one in rows_of(leaderboard(sources, tmp_path / "out")[0])]
    assert shown == [("dsa", "one"), ("dsa", "other"), ("dm", str(compared))]


def test_the_answer_says_how_many_intervals_overlap_that_of_the_first_set(tmp_path: Path) -> None:
    rows = [
        {"name": name, "images": 10, "mean": mean, "interval95": half}
        for name, mean, half in (("dm", 0.9, 0.02), ("dsa", 0.89, 0.01), ("mtt", 0.85, 0.04), ("dc", 0.8, 0.03))
    ]
    for count, more in ((4, "; 2 other intervals overlap its own."), (2, "; 1 other interval overlaps its own.")):
        file = written(tmp_path / "t.json", score_file(*rows[:count], net="mlp"))
        text = leaderboard([file], tmp_path / "out")[0].with_suffix(".md").read_text()
        assert f"dm is first under mlp: 90.0 ± 2.0 % from 10 images{more}" in text.replace("\N{NO-BREAK SPACE}", " ")
    alone = written(tmp_path / "t.json", score_file(rows[0], rows[3], net="mlp"))
    text = leaderboard([alone], tmp_path / "out")[0].with_suffix(".md").read_text()
    assert "from 10 images." in text and "overlap" not in text


@pytest.mark.parametrize("inside", ["", "comparison", "run"])
def test_a_folder_without_scores_is_one_line(inside: str, tmp_path: Path) -> None:
    """An empty folder, that of a comparison without a table, and that of a run without a set."""
    folder = tmp_path / "own"
    folder.mkdir()
    if inside:
        own = folder / "dm-seed0" if inside == "comparison" else folder
        own.mkdir(exist_ok=True)
        RunFolder(own).recipe.write_text("seed = 0\n")
    with pytest.raises(DataError, match=r"own': holds no finished run, no finished comparison and no JSON files; name"):
        leaderboard([folder], tmp_path / "out")


def test_figures_of_others_stand_apart(tmp_path: Path) -> None:
    text = leaderboard(["cifar10-mtt-ipc1"], tmp_path)[0].with_suffix(".md").read_text()
    ours, theirs = text.split("## Measured by others")
    assert "| NCFM | 49.5 | 71.8 | 77.4 |" in theirs and "arXiv 2502.20653" in theirs and "NCFM" not in ours
    assert "Measured by others" not in leaderboard(["digits-ftd-ipc1"], tmp_path)[0].read_text()


PLAIN = {"name": "dm", "images": 10, "mean": 0.5}
LINE = line("dm", 0.5, 0.6, seconds=(1.0,))

BAD_ROWS: list[dict[str, Any]] = [
    {"values": []},
    {"values": [50, 60]},
    {"values": [0.1, 0.2]},  # with another mean than 0.5
    {"values": [math.nan, 0.5]},
    {"net": None},
    {"net": ["x"]},
    {"images": -3},
    {"images": 2.7},
    {"bytes": 10.5},
    {"seconds": -5},
    {"seconds": math.nan},
    {"seconds of experts": math.inf},
    {"ddranking": {"hlr": 3}},
    {"ddranking": {"ars": [0.5, None]}},
    {"ddranking": "all"},
    {"name": "dm\n# Title"},
    {"name": ""},
    {"data": ""},
]
BAD_TABLES: list[dict[str, Any]] = [
    {"scores": [3]},
    {"scores": [row("dm", 50.0, 60.0) | {"mean": 0.55}]},
    {"scores": [row("dm", 0.5, 0.6) | {"mean": 0.9}]},
    {
        "scores": [
            row("dm", 0.5) | {"gnn": "gcn", "aucs": [0.5], "auc": [0.5, 0.1], "accuracy": [0.5, 0.1], "samples": 3}
        ]
    },
    {"ddranking": 3},
    {"net": None},
]
BAD_LINES: list[dict[str, Any]] = [
    {"seconds": ["x"]},
    {"seconds": [-3.0]},
    {"seconds": 5},
    {"expert_seconds": "x"},
    {"ddranking": [1]},
    {"data": 3},
    {"data": None},
    {"network": 7},
]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is damaged"),
        ("[]", "has no scores of a set"),
        ('{"a": 1}', "has no scores of a set"),
        ('{"scores": [{"name": "dm"}], "dataset": "toys"}', "has another form"),
        (json.dumps(table(row("dm", 1.5)) | {"scores": [row("dm", 1.5)]}), "has another form"),
        (json.dumps({"scores": [row("dm", 0.5)]}), "does not name the data"),
        (json.dumps(score_file({"name": "dm", "images": 10, "mean": "a"})), "has another form"),
        (json.dumps(score_file() | {"rows": 3}), "has another form"),
        *((json.dumps(score_file(PLAIN | bad)), "has another form.*; correct it") for bad in BAD_ROWS),
        *((json.dumps(table(row("dm", 0.5, 0.6)) | bad), "has another form") for bad in BAD_TABLES),
        *((json.dumps({"on": "test", "lines": [LINE | bad]}), "has another form") for bad in BAD_LINES),
        ('{"on": "test", "lines": [{"name": "dm"}]}', "has another form"),
    ],
)
def test_a_file_of_another_form_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    file.write_text(content)
    with pytest.raises(DataError, match=said) as caught:
        leaderboard([file], tmp_path / "out")
    assert "\n" not in str(caught.value) and "scores.json" in str(caught.value)


def test_the_command_names_the_pages(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["leaderboard", "mutag-mirage", "--out", str(tmp_path / "boards")])
    assert result.output == f"wrote {tmp_path / 'boards' / 'mutag.html'} and mutag.md\n"
    gin, gat, gcn = rows_of(tmp_path / "boards" / "mutag.html")
    table = json.loads(describe(list_sets()["mutag-mirage"]).record.scores)["scores"]
    auc = {one["gnn"]: 100 * one["auc"][0] for one in table if one["name"] == "mirage"}
    assert gin["AUC %"].startswith(f"{auc['gin']:.1f} ")
    assert gat["other networks %"] == f"{(auc['gin'] + auc['gcn']) / 2:.1f} (2)" and gcn["set"] == "mirage"


def test_a_part_of_uneven_classes_is_read() -> None:
    uneven = line("dm", 0.5, 0.6, seconds=(1.0,), ipc="1 to 9, 15 in all")
    ((part, _),) = lines_of_comparison({"lines": [uneven]}, "file 'x'")
    assert part == "toys, 1 to 9, 15 in all images a class"
