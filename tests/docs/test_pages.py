"""README.md and docs/results against the score files that they are written from."""

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import boards
import charts
import markdown_tables
import matplotlib
import pytest
import score_file
import write
from keep import compared, condensed, measure, plain_name
from pictures import pictures
from recipe_table import shipped
from score_file import FACTS, Figure, NoSuchRow, ScoreFile

from ddkit.jobs.reports import board_page, read_standings
from ddkit.report.markdown import as_markdown

ROOT = Path(__file__).parents[2]
FILES = score_file.read_all()
TEMPLATES = sorted(write.TEMPLATES.glob("*.md"))
CHARTS = sorted(write.RESULTS.glob("*.svg"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *write.RESULTS.glob("*.md")])
CODE = re.compile(r"```.*?```|`[^`]*`|<!--.*?-->|\]\([^)]*\)", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.,/-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w]|\.\d)")

# The worker of pytest-xdist that runs these tests writes the pages; the other one does not.


@pytest.fixture(scope="module")
def written() -> dict[Path, str]:
    return write.pages()


@cache
def drawn() -> dict[str, charts.Picture]:
    return {picture.name: picture for picture in pictures(FILES)}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_page_has_the_bytes_that_its_template_and_the_score_files_give(
    template: Path, written: dict[Path, str]
) -> None:
    page = write.place(template.name)
    assert page.read_bytes() == written[page].encode(), f"{page.name} is out of date: python docs/pages/write.py"


def test_every_page_has_a_template_a_chart_and_a_link_from_the_readme(written: dict[Path, str]) -> None:
    assert set(written) == {write.place(template.name) for template in TEMPLATES}
    pages = {page.stem for page in write.RESULTS.glob("*.md")}
    assert pages == {template.stem for template in TEMPLATES} - {"README", "scale", "networks"}
    assert {chart.stem for chart in CHARTS} == set(drawn())
    assert pages == {name if name in pages else name.partition("-")[0] for name in drawn()}
    readme = (ROOT / "README.md").read_text()
    assert all(f"(docs/results/{page}.md)" in readme for page in pages)


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link]
    assert [target for target in targets if target and not (page.parent / target).exists()] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_no_figure_is_typed(template: Path) -> None:
    """Outside of code and of Jinja's marks a template holds no decimal, no interval and no number with a unit."""
    text = CODE.sub("", re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", template.read_text(), flags=re.DOTALL))
    for name in ("mean ± 95 % interval", "95 % t interval", "torch 2.11", "Python 3.11"):
        text = text.replace(name, "")
    text = re.sub(r"\b[15] %", "", text)  # the sizes of graph sets, a setting
    assert re.findall(r"\d\.\d+|\d ?[±%]|\d (?:s|ms|points|minutes|hours|times|bytes)\b", text) == []


def test_every_number_of_the_readme_is_in_a_score_file(written: dict[Path, str]) -> None:
    text = CODE.sub("", written[ROOT / "README.md"].replace("95 % interval", "").replace("seed 0", ""))
    lines = [line for line in text.splitlines() if not re.match(r"\|  \|", line)]  # the recipes' table is checked below
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = set(re.findall(r"\d+\.\d+", " ".join([project["requires-python"], *project["dependencies"]])))
    for file in FILES.values():
        known |= forms((file.rows, file.figures)) | set(NUMBER.findall(file.facts["software"]))
    digits = FILES["trajectory-digits"]
    known.add(f"{digits.get('ftd', ipc=10).above(digits.get('random-real', ipc=10)):.1f}")
    numbers = {number for line in lines for number in NUMBER.findall(line)}
    assert len(numbers) > 10
    assert numbers <= known


def forms(value: object) -> set[str]:
    """Every number in nested lists and tables, as a page may print it: as a share in %, as a count, with decimals."""
    if isinstance(value, dict):
        return {form for item in value.values() for form in forms(item)}
    if isinstance(value, list | tuple):
        return {form for item in value for form in forms(item)}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return set()
    return {f"{100 * value:.1f}", f"{value:,.0f}", f"{value:.1f}", f"{value:.2f}", f"{value:g}"}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES.keys())
def test_a_score_file_says_how_it_was_measured(file: ScoreFile) -> None:
    assert all(isinstance(file.facts.get(fact), str) and file.facts[fact] for fact in FACTS)
    assert re.fullmatch(r"[0-9a-f]{7,40}(-dirty)?", file.facts["commit"])
    assert file.rows


def test_every_score_file_is_shown() -> None:
    text = "\n".join(template.read_text() for template in TEMPLATES)
    used = {name for name in FILES if f'"{name}"' in text} | {file.name for file in boards.files(FILES)}
    assert {file.stem for file in score_file.SCORES.glob("*.json")} <= used


def test_a_score_file_is_written_as_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_file, "SCORES", tmp_path)
    FILES["main-job"].write()
    assert ScoreFile.read("main-job") == FILES["main-job"]
    assert (tmp_path / "main-job.json").read_text() == (write.RESULTS / "scores" / "main-job.json").read_text()


@pytest.mark.parametrize("file", CHARTS, ids=lambda file: file.stem)
def test_a_chart_shows_the_score_files_figures(file: Path, tmp_path: Path) -> None:
    picture = drawn()[file.stem]
    kept = next(node.text for node in ElementTree.parse(file).iter() if node.tag.endswith("}description"))
    assert kept == picture.description(), f"{file.name} is out of date: python docs/pages/write.py"
    assert file.stat().st_size < 100_000
    if f"Matplotlib v{matplotlib.__version__}," in file.read_text():  # another version draws other bytes
        charts.draw(picture, tmp_path)
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    ("one", "other", "figure"),
    [
        ("mirage-plus", "random, stored", "mirage-plus above random, stored"),
        ("mirage", "random, stored", "mirage above random, stored"),
        ("mirage-plus", "mirage", "mirage-plus above mirage"),
        ("mirage-plus", "herding, stored", "mirage-plus above herding"),
        ("mirage-plus", "random, mirage-plus written out", "mirage-plus above random, written out"),
        ("random, mirage written out", "mirage", "random, written out, above mirage"),
    ],
)
def test_counts_of_graph_rows_are_those_of_the_rows(one: str, other: str, figure: str) -> None:
    """The counts were taken before the means were rounded: a row whose rounded means are equal may count or not."""
    graphs = FILES["graphs"]
    differences = []
    for row in graphs.rows:
        key = {name: row[name] for name in ("data", "hops", "size", "gnn")}
        if row["name"] == one and (rival := graphs.find(name=other, **key)):
            differences.append(row["mean"] - rival["mean"])
    above, level = sum(d > 1e-9 for d in differences), sum(abs(d) <= 1e-9 for d in differences)
    assert above <= graphs.figure(figure) <= above + level


def test_the_recipes_table_counts_every_recipe_of_images_once(written: dict[Path, str]) -> None:
    found = shipped()
    assert found["ftd", "digits"] == [(1, "measured"), (10, "measured")]
    assert (50, "other") in found["ast", "cifar10"] and (10, "published") in found["ast", "cifar10"]  # by their headers
    assert found["mirage", "digits-graphs"] == [(0, "measured")]
    text = written[ROOT / "README.md"]
    assert all(f"| `{name}` |" in text or f"by `{name}`:" in text for name, _ in found)
    assert all(data in text for _, data in found)


def test_what_condense_and_compare_write_becomes_rows() -> None:
    score = {"name": "ftd", "images": 10, "accuracies": [0.9, 0.92], "lr": 0.03, "mean": 0.91, "interval95": 0.127}
    majority = {"name": "majority class", "images": 0, "accuracies": [0.1], "lr": None, "mean": 0.1, "interval95": None}
    table = {"dataset": "digits", "net": "mlp", "scores": [score | {"size": 640}, majority]}
    rows, figures = condensed(json.loads(json.dumps(table)))
    common = {"data": "digits", "net": "mlp"}
    trained = {"n": 2, "lr": 0.03, "values": [0.9, 0.92]}
    assert rows == [
        {"name": "ftd", **common, "images": 10, "mean": 0.91, "interval95": 0.127, "bytes": 640, **trained},
        {"name": "majority class", **common, "images": 0, "mean": 0.1},
    ]
    assert figures == {}
    line = {"data": "digits", "ipc": 1, "flip_share": 1 / 12, "labels": "auto", "expert_seconds": 4.4, "mean": 0.9}
    sets = [score | {"size": 2560}, score | {"accuracies": [0.5, 0.7]}]
    line |= {"interval95": 0.01, "scores": sets, "seconds": [28.4, 143.2], "network": "mlp"}
    rows, figures = compared({"lines": [line | {"name": name} for name in ("mtt", "mtt-digits-ipc1-fyi-2x2")]})
    plain = {"name": "mtt", **common, "ipc": 1, "images": 10, "flips": "1/12", "fyi": False, "labels": "auto"}
    plain |= {"mean": 0.9, "interval95": 0.01, "bytes": 2560, "n": "2 x 2", "values": [0.91, 0.6], "seconds": 86}
    plain |= {"seconds of experts": 4}
    assert rows == [plain, plain | {"name": "mtt+2x2", "fyi": True}]
    assert figures["seconds a set, least"] == 28 and figures["seconds of experts, most"] == 4


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("random-real, packed 2x2", ("random-real, packed 2x2", False)),
        ("mtt+fyi+2x2", ("mtt+2x2", True)),
        ("mtt-digits-ipc10-cpu-2x2", ("mtt+2x2", False)),
        ("mtt-digits-ipc10", ("mtt", False)),
        ("mirage-plus", ("mirage-plus", False)),
    ],
)
def test_a_line_of_a_comparison_is_named_by_method_and_packing(name: str, plain: tuple[str, bool]) -> None:
    assert plain_name(name, "digits") == plain


def test_a_comparison_with_packed_images_is_kept_from_its_table_and_stands_on_the_leaderboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score file of `compare mtt-digits-ipc1 mtt-digits-ipc1+2x2 --json`, of which nothing is run again."""

    def line(name: str, *accuracies: float, seconds: tuple[float, ...] = (), images: int = 10) -> dict[str, object]:
        scores = [{"images": images, "size": 2560, "accuracies": [one, one], "lr": 0.1} for one in accuracies]
        part = {"data": "digits", "ipc": 1, "flip_share": 0.0, "labels": "auto", "network": "mlp"}
        mean = sum(accuracies) / len(accuracies)
        return part | {
            "name": name,
            "scores": scores,
            "seconds": seconds,
            "expert_seconds": None,
            "mean": mean,
            "interval95": 0.02,
        }

    table = [
        line("mtt", 0.9, 0.92, seconds=(20.0, 30.0)),
        line("mtt+2x2", 0.94, 0.96, seconds=(60.0, 70.0), images=40),
        line("random-real", 0.7, 0.72),
        line("random-real, packed 2x2", 0.8, 0.82, images=40),
    ]
    (tmp_path / "table.json").write_text(json.dumps({"on": "test", "lines": table, "notes": []}))
    monkeypatch.setattr(score_file, "SCORES", tmp_path)
    new = {"command": "ddkit compare mtt-digits-ipc1{,+2x2} --sets 2 --nets 2", "n": "2 x 2"}
    (tmp_path / "packed.json").write_text(json.dumps(new))
    before = ScoreFile.read("packed")
    kept = measure(before, tmp_path, table=tmp_path / "table.json")
    kept.write()
    missing: list[str] = []
    whole, packed = read_standings(tmp_path / "packed.json", missing)
    assert missing == [] and (packed.row.name, packed.row.samples, packed.seconds) == ("mtt+2x2", 40, 65)
    assert packed.row.values == (0.94, 0.96) and packed.row.n == "2 x 2" and packed.net == "mlp"
    text = as_markdown(board_page("digits", [whole, packed])).replace("\N{NO-BREAK SPACE}", " ")
    first, second = (line.split(" | ") for line in text.splitlines() if line.startswith("| mtt"))
    assert first[0] == "| mtt+2x2" and [cell.split()[0] for cell in first[6:8]] == ["+24.0", "+14.0"]
    assert second[6].split()[0] == "+20.0" and second[7] == ""  # its images are not packed


def test_figures_and_tables_by_hand() -> None:
    file = ScoreFile(
        "x", {}, ({"name": "a", "ipc": 1, "mean": 0.9344, "interval95": 0.0182}, {"name": "b", "mean": 0.1})
    )
    assert (str(file.get("a")), str(file.get("b"))) == ("93.4 ± 1.8", "10.0")
    assert Figure(93.46).above(Figure(69.04)) == 24.5  # 93.5 - 69.0, as they print
    columns = {"one": {"ipc": 1}, "ten": {"ipc": 10}, "n": {"ipc": 1, "show": "ipc"}}
    assert markdown_tables.pivot(file, "x", markdown_tables.by("name", ["a"]), columns) == (
        "| x | one | ten | n |\n|---|---:|---:|---:|\n| a | 93.4 ± 1.8 |  | 1 |"
    )
    with pytest.raises(NoSuchRow):
        file.get("c")
    with pytest.raises(NoSuchRow):
        file.figure("seconds")


def test_rows_with_overlapping_intervals_are_named(written: dict[Path, str]) -> None:
    file, names = FILES["packed-cifar10-ipc1"], ["ast+2x2", "datm+2x2", "ncfm+2x2"]
    assert markdown_tables.overlapping(Figure(35.0, 0.5), file, names) == "ast+2x2 and datm+2x2"
    assert markdown_tables.overlapping(Figure(30.0, 2.0), file, names) == ""
    assert markdown_tables.overlapping(Figure(24.0, 0.5), file, names) == "ncfm+2x2"
    assert "intervals of mtt+2x2, ftd+2x2 and datm+2x2 overlap" in written[write.RESULTS / "packed.md"]
