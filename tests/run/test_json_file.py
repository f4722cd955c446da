"""What a small file must hold, against what may lie in its place."""

import os
from dataclasses import dataclass
from typing import Any

import pytest

from ddkit.errors import DataError
from ddkit.run import read_json, read_text, write_json


@dataclass(frozen=True)
class Mark:
    name: str
    shares: tuple[float, ...]
    lr: float | None
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("'count' must be at least 0")


def test_what_is_written_is_read(tmp_path):
    file = tmp_path / "a" / "mark.json"
    write_json(file, {"name": "ftd", "shares": [0.5, 1], "lr": None})
    assert read_json(file, Mark) == Mark("ftd", (0.5, 1.0), None)
    write_json(file, [{"name": "ftd", "shares": [], "lr": 1, "count": 3}])
    assert read_json(file, list[Mark]) == [Mark("ftd", (), 1.0, 3)]
    write_json(file, {"a": [1, "x", None]})
    assert read_json(file, dict[str, Any]) == {"a": [1, "x", None]}


GOOD = '"name": "x", "shares": [0.5], "lr": 0.1'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"null", "it must be a table, found null"),
        (b"[]", r"it must be a table, found \[\]"),
        (b"7", "it must be a table, found 7"),
        (b"\xff\xfe", "no UTF-8 text"),
        (b'{"name": "x", "sha', "no JSON: .*line 1"),
        (b"[" * 100_000, "too many levels"),
        (b"1" * 5_000, "limit"),
        (b"{}", "it lacks the key 'name'"),
        (f'{{{GOOD}, "more": 1}}'.encode(), 'it has an unknown key "more"'),
        (f'{{{GOOD}, "count": 1.5}}'.encode(), "'count' must be a whole number, found 1.5"),
        (f'{{{GOOD}, "count": true}}'.encode(), "'count' must be a whole number, found true"),
        (f'{{{GOOD}, "count": -1}}'.encode(), "'count' must be at least 0"),
        (f"{{{GOOD.replace('0.1', 'NaN')}}}".encode(), "'lr' must be a number or null"),
        (
            f"{{{GOOD.replace('0.5', 'Infinity')}}}".encode(),
            "must be a number and finite, found Infinity",
        ),
        (f"{{{GOOD.replace('0.5', '1' * 400)}}}".encode(), r"'shares'\[0\] must be a number and finite"),
        (f"{{{GOOD.replace('[0.5]', '7')}}}".encode(), "'shares' must be a list, found 7"),
        (b'{"name": 3, "shares": [], "lr": null}', "'name' must be a text, found 3"),
    ],
)
def test_anything_else_is_one_line(tmp_path, content, why):
    file = tmp_path / "mark.json"
    file.write_bytes(content)
    with pytest.raises(DataError, match=why) as caught:
        read_json(file, Mark, "delete it")
    line = str(caught.value)
    assert line.startswith(f"file '{file}': ") and line.endswith("; delete it") and line.isprintable()
    assert len(line) < 400 + len(str(file))


def test_what_is_no_file_is_one_line(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, why in {"folder": "is a folder", "pipe": "is no file", "none": "cannot be read"}.items():
        with pytest.raises(DataError, match=why):
            read_text(tmp_path / name)
