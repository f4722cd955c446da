import os
from pathlib import Path

import pytest

from ddkit.cli.main import run
from ddkit.data import load_images
from ddkit.errors import DataError, nearest, printable


@pytest.mark.parametrize("name", [b"two\nlines", b"\xff\xfe", b"a\x1b[31mred", "a\u2028b".encode()])
def test_an_error_is_one_line_that_any_terminal_prints(
    tmp_path: Path, name: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / os.fsdecode(name)
    with pytest.raises(DataError) as error:
        load_images(f"folder:{path}")
    assert str(error.value).encode().isascii() and len(str(error.value).splitlines()) == 1
    assert run(["condense", "--method", "random", "--data", f"folder:{path}"]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_ordinary_text_stays_as_it_is() -> None:
    assert printable("naïve 'Schnee' 雪 \u3000") == "naïve 'Schnee' 雪 \u3000"
    assert printable("a\tb\x00\udcff") == r"a\tb\x00\udcff"


def test_a_name_of_any_length_leaves_a_line_that_ends_with_what_to_do():
    line = str(DataError(f"key '{'x' * 30_000}': is unknown; leave it out"))
    assert len(line) < 700 and line.startswith("key 'xxx") and line.endswith("': is unknown; leave it out")
    assert "...(29,503 characters)..." in line and str(DataError("short")) == "short"
    text = f"{'a b ' * 1_000}end"
    assert str(DataError(text)) == text


def test_an_unknown_name_is_told_its_neighbours_or_a_line_of_names() -> None:
    assert nearest("fdt", ["ftd", "mtt"]) == "did you mean ftd?"
    assert nearest("zzz", ["b", "a"]) == "there are: a, b"
    assert nearest("zzz", [f"n{i:02d}" for i in range(63)]).endswith("n18, n19 and 43 more")
    assert nearest("zzz", ["b", "a"], listed_by="ls") == "`ls` lists them"
