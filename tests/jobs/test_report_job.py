"""Reports of real folders: finished, failed and killed runs, comparisons, and faults that must not end a run."""

import json
import math
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from listener import Listener
from own_graphs import own

from ddkit import report
from ddkit.cli.main import ddkit as command
from ddkit.errors import DataError, InUseError, NumericalError
from ddkit.jobs import compare, condense
from ddkit.jobs.condense import Condensed
from ddkit.jobs.reports import comparison_page, pixels
from ddkit.jobs.sets import real_data
from ddkit.report import LARGEST
from ddkit.run import RunFolder, SilentMeter
from ddkit.synth import SyntheticSet, read_set, write_set
from ddkit.task import Task

pytestmark = pytest.mark.pictures

TINY = (
    *("net.width=8", "net.depth=1", "method.iterations=20", "method.batch_real=16", "evaluate.nets=2"),
    *("evaluate.steps=10", "evaluate.epochs=1", "evaluate.whole=false"),
)


def text_of(file: Path) -> str:
    """The words of a page as a reader sees them."""
    body = file.read_text().partition("<body>")[2].partition("<script>\n")[0]
    body = re.sub(r"<(script|svg)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


class Counter(SilentMeter):
    """Keeps the pieces of work and their progress, in order."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int] | int] = []

    def start(self, title: str, total: int, done: int = 0) -> None:
        self.seen.append((title, total))

    def advance(self, done: int, values: Mapping[str, float] | None = None) -> None:
        self.seen.append(done)


def whitened(folder: Path, seed: int = 0) -> Condensed:
    """A run whose set is whitened, so that its pixels need its real data."""
    words = ("data.preprocess=zca", "method.iterations=2", *TINY[:2], f"seed={seed}")
    return condense("dm", out=folder, overrides=words, evaluate=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Condensed:
    """A finished run of DM on digits; tests copy its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDKIT_HOME", str(tmp_path_factory.mktemp("home")))
        return condense("dm", out=tmp_path_factory.mktemp("runs") / "run", overrides=TINY)


@pytest.fixture
def run(finished: Condensed, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished.folder, tmp_path / "run"))


def test_a_finished_run_has_a_report_with_the_answer_first(finished: Condensed) -> None:
    text = text_of(finished.folder / "report.html")
    assert finished.evaluation is not None
    own, random = finished.evaluation.scores[:2]
    first = f"{100 * own.mean:.1f} % from ten images; random images of the same size: {100 * random.mean:.1f} %."
    assert text.startswith(f"dm on digits {first}")
    for score in finished.evaluation.scores:
        assert score.name in text
    assert all(note in text for note in finished.evaluation.notes)
    assert f"set {finished.set.digest}" in text and "data 'digits': train 1,295" in text  # lineage; messages
    assert "method.iterations 20" in text and "net.width 8" in text
    facts = read_set(finished.folder / "set.h5").facts
    assert facts.mean is not None and f"mean {facts.mean[0]:.6g}" in text and "ddkit.load(" in text
    assert "What is missing" not in (finished.folder / "report.html").read_text()
    assert (finished.folder / "report.html").stat().st_size < LARGEST


def test_the_slider_has_the_initial_images_each_snapshot_and_the_set(finished: Condensed) -> None:
    titles = re.findall(
        r'<script type="application/json">(.*?)</script>', (finished.folder / "report.html").read_text()
    )
    iterations = [f"iteration {i}" for i in RunFolder(finished.folder).read_snapshots()][:-1]  # the last is the set
    assert json.loads(titles[1]) == ["initial images", *iterations, "finished set"] and len(iterations) == 9
    assert len(json.loads(titles[0])) == len(iterations) + 1


def test_the_same_folder_gives_the_same_report(run: Path) -> None:
    """Apart from the folder's own name, which stands in the lines of Python."""
    first = report(run).read_bytes()
    assert report(run, run / "other.html").read_bytes() == first
    assert CliRunner().invoke(command, ["report", str(run)]).exit_code == 0
    assert (run / "report.html").read_bytes() == first


def test_a_killed_run_has_a_report_that_says_how_to_continue(run: Path) -> None:
    for name in ("set.h5", "scores.json", "report.html", "gallery.png"):
        (run / name).unlink()
    html, text = report(run).read_text(), text_of(run / "report.html")
    assert text.startswith("dm on digits dm on digits: a run without a set.")
    assert f"20 of 20 iterations are stored. Continue it with: ddkit condense --resume --out {run}" in text
    assert '"iteration 18"' in html and "over 20 outer iterations" in text


def test_a_run_without_scores_says_how_to_get_them(run: Path) -> None:
    (run / "scores.json").unlink()
    assert f"The set has no scores. Evaluate it with: ddkit condense --resume --out {run}" in text_of(report(run))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, b"\xff\xfe{]") for name in ("set.h5", "initial.h5", "metrics.jsonl", "scores.json", "recipe.toml")),
        *(
            ("messages.txt", b"\xff"),
            ("set.h5", b""),
            ("scores.json", b'{"scores": [{"name": 3}]}'),
            ("scores.json", b""),
        ),
    ],
)
def test_a_damaged_file_leaves_its_part_out_and_is_named(run: Path, name: str, content: bytes) -> None:
    (run / name).write_bytes(content)
    html = report(run).read_text()
    missing = html.partition('aria-label="What is missing"')[2].partition("</section>")[0]
    assert str(run / name) in unescape(missing)
    assert ("How to train on it" in html) == (name != "set.h5")
    assert ("<h2" in html) and ("Images" in html)


@pytest.mark.parametrize(
    "wrong", [{"mean": math.nan}, {"mean": math.inf}, {"mean": 69.9}, {"size": -5}, {"size": math.inf}], ids=str
)
def test_numbers_that_no_score_has_leave_the_scores_out(run: Path, wrong: dict[str, float]) -> None:
    table = json.loads((run / "scores.json").read_text())
    table["scores"][0] |= wrong
    (run / "scores.json").write_text(json.dumps(table))
    words = text_of(report(run))
    assert f"file '{run / 'scores.json'}': has another form than this version writes" in words and "nan %" not in words


@pytest.mark.parametrize("notes", [None, "a text", 3])
def test_notes_of_another_form_are_left_out(run: Path, notes: object) -> None:
    table = json.loads((run / "scores.json").read_text())
    (run / "scores.json").write_text(json.dumps(table | {"notes": notes}))
    assert "<li>" not in report(run).read_text().partition("Scores</h2>")[2].partition("</section>")[0]


def test_an_exploded_run_writes_a_report_with_the_error(tmp_path: Path, home: Path) -> None:
    meter = Listener()
    with pytest.raises(NumericalError) as raised:
        condense("dm", out=tmp_path / "run", overrides=(*TINY, "method.lr_img=1e30"), evaluate=False, meter=meter)
    text = text_of(tmp_path / "run" / "report.html")
    assert f"error: {raised.value}" in text and "The run is not finished." in text


def test_a_fault_of_the_report_is_one_warning_and_not_the_end(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a\nfault")

    monkeypatch.setattr(sys.modules["ddkit.jobs.reports.run_page"], "_settings", broken)
    meter = Listener()
    made = condense("herding", out=tmp_path / "run", evaluate=False, meter=meter)
    (warning,) = [line for line in meter.lines if "report" in line]
    assert warning.endswith("the report was not written: a fault; try again with ddkit report")
    assert (made.folder / "set.h5").exists() and not (made.folder / "report.html").exists()


def test_names_of_classes_and_files_are_escaped(run: Path) -> None:
    evil = "<script>alert(1)</script>"
    made = read_set(run / "set.h5")
    object.__setattr__(made.facts, "classes", (evil, *made.facts.classes[1:]))
    write_set(made, run / "set.h5")
    (run / "messages.txt").write_text(f"{evil}\n")
    other = run.with_name("a <b> & 'c'")
    run.rename(other)
    html = report(other).read_text()
    assert "<script>alert" not in html and html.count("&lt;script&gt;alert(1)") >= 2
    assert "a <b>" not in html


def test_whitened_images_need_no_data_at_the_end_of_their_run(tmp_path: Path, home: Path) -> None:
    """The run's own inverse is used; later, the inverse is fitted again, and gives the same page."""
    made = whitened(tmp_path / "run")
    at_end = (made.folder / "report.html").read_text()
    assert report(made.folder).read_text() == at_end and "whitened values" not in at_end


def test_whitened_sets_of_a_comparison_read_their_data_once(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page is the one with the data read for each set. The progress counts sets."""
    for seed in (0, 1, 2):
        whitened(tmp_path / f"run{seed}", seed)
    read: list[SyntheticSet] = []

    def load_task_of(made: SyntheticSet, **named: str) -> Task:
        read.append(made)
        return real_data.load_task_of(made, **named)

    monkeypatch.setattr(pixels, "load_task_of", load_task_of)
    meter = Counter()
    page = comparison_page(tmp_path, meter)
    assert len(read) == 1 and meter.seen == [("drawing the sets' pictures", 3), 1, 2, 3]
    monkeypatch.setattr(sys.modules["ddkit.jobs.reports.comparison_page"], "SharedPixels", lambda: pixels.pixels_of)
    assert comparison_page(tmp_path) == page and len(read) == 4


def test_missing_data_of_a_comparison_is_looked_for_once(tmp_path: Path, home: Path) -> None:
    shared, made = pixels.SharedPixels(), read_set(whitened(tmp_path / "run").folder / "set.h5")
    gone = replace(made, facts=replace(made.facts, preprocess_digest="0" * 64))
    errors = []
    for _ in range(2):
        with pytest.raises(DataError, match="was made with other preprocessing") as raised:
            shared(gone)
        errors.append(raised.value)
    assert errors[0] is errors[1]
    shared(made)  # its digests are those of the data


def test_a_set_of_graphs_has_trees_a_legend_and_supports(tmp_path: Path, home: Path) -> None:
    made = condense(
        "mirage", data=own(tmp_path), out=tmp_path / "run", evaluate=False, overrides=("method.budget=2000",)
    )
    html = (made.folder / "report.html").read_text()
    assert 'class="legend"' in html and html.count('<svg viewBox="0 0 150') >= 2
    text = text_of(made.folder / "report.html")
    assert "class sample weight % of the class trees nodes" in text and "ddkit.as_pyg(made)" in text


def test_a_comparison_has_a_report_with_its_table_and_every_set(tmp_path: Path, home: Path) -> None:
    out = tmp_path / "cmp"
    words = ("evaluate.nets=2", "evaluate.steps=10", "evaluate.epochs=1", "evaluate.whole=false", "net.width=8")
    found = compare(["random-digits-ipc1", "herding-digits-ipc1"], sets=2, overrides=words, out=out)
    text = text_of(out / "report.html")
    best = max((line.overall for line in found.lines if line.seconds), key=lambda score: score.mean)
    assert f"digits, 1 image a class: {best.name} gives {100 * best.mean:.1f} % from ten images" in text
    runs = [file.parent.name for file in out.glob("*/recipe.toml")]
    assert len(runs) == 4 and all(name in text for name in runs)
    again = report(out).read_bytes()
    (out / "comparison.json").unlink()
    unfinished = text_of(report(out, tmp_path / "other.html"))
    assert (out / "report.html").read_bytes() == again
    assert "the comparison is not finished" in unfinished and all(name in unfinished for name in runs)


def test_a_folder_without_a_run_and_a_run_in_use_are_refused(run: Path, tmp_path: Path) -> None:
    for source, found in (
        (tmp_path / "none", "does not exist"),
        (run / "set.h5", "is a file"),
        (run / "snapshots", "holds no"),
    ):
        with pytest.raises(DataError, match=found):
            report(source)
    with RunFolder(run).locked():
        with pytest.raises(InUseError, match="choose another --out"):
            report(run)
        report(run, tmp_path / "while-it-runs.html")
    with pytest.raises(DataError, match="it is a folder"):
        report(run, tmp_path)


def test_a_set_of_many_large_images_stays_below_three_megabytes(run: Path) -> None:
    made = read_set(run / "set.h5")
    noise = torch.randn(10, 1, 160, 160, generator=torch.Generator().manual_seed(0))
    object.__setattr__(made, "images", noise)
    files = [run / "set.h5", run / "initial.h5", *RunFolder(run).read_snapshots().values()]
    for number, file in enumerate(files):
        object.__setattr__(made, "images", noise + number / 100)
        write_set(made, file)
    assert report(run).stat().st_size < LARGEST
    assert "images of 160 x 160 pixels at" in text_of(run / "report.html")
