"""Reports in a real browser: what a reader sees, and that the page needs no network.

`pytest tests/report/test_browser.py --write-picture RUN` writes docs/report.png from the report of a run.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Page, chromium
from PIL import Image
from report_pages import HOSTILE, hostile_page, image_page, tree_page

from ddkit.jobs import report
from ddkit.report import LARGEST, write_page

PICTURE = Path(__file__).parents[2] / "docs" / "report.png"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    pages = {"images": image_page(), "trees": tree_page(), "hostile": hostile_page()}
    for name, made in pages.items():
        write_page(made, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in pages}


def pixels(page: Page) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(page.picture())).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", ["images", "trees", "hostile"])
def test_a_report_renders_without_complaint_and_requests_nothing_else(
    page: Page, reports: dict[str, Path], name: str
) -> None:
    page.open(reports[name])
    assert page.complaints == []
    assert page.requested == [reports[name].as_uri()]
    assert page.run("document.querySelectorAll('h2').length") >= 1
    assert reports[name].stat().st_size < LARGEST


@pytest.mark.parametrize("name", ["images", "trees", "hostile"])
def test_a_phone_scrolls_a_report_in_one_direction_only(page: Page, reports: dict[str, Path], name: str) -> None:
    page.open(reports[name], width=360)
    assert page.run("document.documentElement.scrollWidth") <= 360
    small = (
        "[...document.querySelectorAll('p, td, th, figcaption')].map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(page.run(small)) >= 12


def test_the_slider_shows_each_moment_by_keyboard(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["images"])
    sheet = "getComputedStyle(document.querySelector('.strip')).backgroundImage"
    told = "document.querySelector('output').textContent"
    assert page.run(told) == "finished set"
    last, seen = pixels(page), [page.run(sheet)]
    page.run("document.querySelector('input').focus()")
    page.press("ArrowLeft")
    assert page.run(told) == "iteration 50"
    assert page.run("document.querySelector('input').getAttribute('aria-valuetext')") == "iteration 50"
    seen.append(page.run(sheet))
    page.press("Home")
    assert page.run(told) == "initial images"
    seen.append(page.run(sheet))
    assert len(set(seen)) == 3 and np.abs(pixels(page) - last).sum() > 0
    page.press("End")
    assert page.run(sheet) == seen[0]


def test_dark_mode_turns_paper_dark_and_ink_bright(page: Page, reports: dict[str, Path]) -> None:
    ink = "getComputedStyle(document.body).color"
    page.open(reports["images"])
    light, dark_ink = pixels(page).mean(), page.run(ink)
    page.open(reports["images"], dark=True)
    assert light > 180 and pixels(page).mean() < 90
    assert dark_ink != page.run(ink)


def test_texts_of_foreign_files_are_shown_and_not_run(page: Page, reports: dict[str, Path]) -> None:
    page.open(reports["hostile"])
    assert page.run("window.broken") is None
    assert page.run("document.querySelectorAll('script[src], img, iframe, b').length") == 0
    assert page.run(f"document.body.textContent.includes({HOSTILE!r})")


def test_the_picture_of_a_report_in_readme(page: Page, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """It is drawn again if `--write-picture` names the folder of a run."""
    if run := request.config.getoption("--write-picture"):
        page.open(report(run, tmp_path / "report.html"), width=900)
        picture = Image.open(io.BytesIO(page.picture(1285))).convert("RGB")
        picture.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    assert PICTURE.stat().st_size < 200_000
    assert Image.open(PICTURE).width == 900
