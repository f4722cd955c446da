"""SVG elements. The XML library escapes all texts and attributes."""

from xml.etree import ElementTree

from markupsafe import Markup

Element = ElementTree.Element

CONTROL = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if code not in (9, 10)}
"""Characters that XML and HTML do not allow."""


def drawing(width: float | int, height: float | int, title: str, kind: str) -> Element:
    """An empty drawing of `width` x `height` units; `title` describes it to readers who do not see it."""
    root = ElementTree.Element("svg", {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "class": kind})
    root.set("aria-label", title.translate(CONTROL))
    return root


def add(parent: Element, tag: str, text: str = "", /, **attributes: float | int | str) -> Element:
    """Add an element. Underscores in names of attributes become hyphens; a last one is removed, as in `class_`."""
    own = {
        name.removesuffix("_").replace("_", "-"): value if isinstance(value, str) else f"{value:.5g}"
        for name, value in attributes.items()
    }
    element = ElementTree.SubElement(parent, tag, own)
    element.text = text.translate(CONTROL) or None
    return element


def markup(root: Element) -> Markup:
    """The text of a drawing, which a template does not escape again."""
    return Markup(ElementTree.tostring(root, encoding="unicode"))
