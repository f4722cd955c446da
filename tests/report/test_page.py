"""The page of a report: valid HTML, complete without a network, and no text of a file becomes markup."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from report_pages import HOSTILE, hostile_page, image_page, tree_page

from ddkit.report import LARGEST, Page, render, write_page

PAGES = {"images": image_page, "trees": tree_page, "hostile": hostile_page}


def parsed(page: Page) -> ElementTree.Element:
    """The page's tree, by the strict parser of html5lib, which raises an error for invalid HTML."""
    html5lib = pytest.importorskip("html5lib")
    root: ElementTree.Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(render(page))
    return root


def elements(root: ElementTree.Element) -> Iterator[tuple[str, ElementTree.Element]]:
    for element in root.iter():
        yield str(element.tag).rpartition("}")[2], element


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_valid_html(name: str) -> None:
    assert {"html", "main", "h1", "h2", "svg"} <= {tag for tag, _ in elements(parsed(PAGES[name]()))}


def test_foreign_texts_add_no_elements_and_are_kept_whole() -> None:
    root = parsed(hostile_page())
    tags = [tag for tag, _ in elements(root)]
    assert not {"img", "iframe", "b", "link", "object"} & set(tags)
    assert tags.count("script") == 3  # two lists of the gallery, and the page's own
    named = [element for tag, element in elements(root) if tag in ("h1", "h2", "h3", "td", "li", "caption", "title")]
    assert len(named) >= 6 and all(HOSTILE in "".join(element.itertext()) for element in named)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_refers_to_nothing_outside_itself(name: str) -> None:
    for tag, element in elements(parsed(PAGES[name]())):
        for attribute, value in element.attrib.items():
            bare = str(attribute).rpartition("}")[2]
            assert bare not in ("src", "href", "srcset", "data", "action"), (tag, bare)
            assert not bare.startswith("on")
            assert all(url.startswith("data:image/png;base64,") for url in re.findall(r"url\(([^)]*)\)", value))
    assert "@import" not in render(PAGES[name]())


def test_every_drawing_says_what_it_shows() -> None:
    drawings = [element for name in PAGES for tag, element in elements(parsed(PAGES[name]())) if tag == "svg"]
    assert len(drawings) > 10
    assert all(element.get("role") == "img" and element.get("aria-label") for element in drawings)


def test_sections_without_blocks_are_left_out() -> None:
    assert "Nothing" not in [element.text for tag, element in elements(parsed(image_page())) if tag == "h2"]


def test_equal_pages_have_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_page(image_page(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").stat().st_size < LARGEST


def test_a_text_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    """Names of files can hold bytes that are no UTF-8, which Python reads as lone surrogates."""
    write_page(Page("a\udcff\x00b", ("\udcff",), (), ()), tmp_path / "page.html")
    assert "a?" in (tmp_path / "page.html").read_text()
