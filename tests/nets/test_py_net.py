"""Names "py:module:factory": settings, the digest of the code, and who may name code."""

import hashlib
import sys
from pathlib import Path

import own_nets
import pytest
import torch

from ddkit.errors import UsageError
from ddkit.nets import parse_net, stored_net, table
from ddkit.nets.code_digest import code_digest


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return own_nets.write(tmp_path, monkeypatch)


def digest(spec: str) -> str:
    return parse_net(spec).name.partition("@")[2]


def test_arguments_with_a_default_are_settings(own: str) -> None:
    small = parse_net(f"{own}small(width=7)")
    assert small.width == 7 and small.spec == f"{own}small@{digest(own + 'small')}(width=7)"
    assert parse_net(small.spec) == small != parse_net(own + "small")
    with pytest.raises(UsageError, match=r"unknown key '.*widht'; did you mean width"):
        parse_net(f"{own}small(widht=7)")
    with pytest.raises(UsageError, match="must be an integer, got 'wide'"):
        parse_net(f"{own}small(width=wide)")


def test_the_name_changes_with_the_code_and_with_the_users_modules_that_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(text: str, helper: str, other: str) -> str:
        for module in ("ownnets", "layers", "deeper"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        own_nets.write(tmp_path, monkeypatch, helper, "deeper")
        own_nets.write(tmp_path, monkeypatch, "from deeper import WIDTH\ndef width():\n    return WIDTH\n", "layers")
        (tmp_path / "unused.py").write_text(other)
        text = "from layers import width\n" + text
        return digest(own_nets.write(tmp_path, monkeypatch, text) + "small")

    first = named(own_nets.NETS, "WIDTH = 1\n", "")
    assert first == named(own_nets.NETS, "WIDTH = 1\n", "changed = True\n")
    assert first != named(own_nets.NETS + "# a remark\n", "WIDTH = 1\n", "")
    assert first != named(own_nets.NETS, "WIDTH = 20\n", "")


def test_a_name_with_a_digest_is_refused_if_the_code_has_changed(own: str) -> None:
    pinned = parse_net(own + "small").name
    assert parse_net(pinned).name == pinned
    with pytest.raises(UsageError, match=r"the code of module 'ownnets' has changed \(its digest is now .*write py:ow"):
        parse_net(f"{own}small@00000000")


def test_a_files_code_is_imported_only_if_the_user_named_it(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "_NAMED", set())
    with pytest.raises(UsageError, match=r"imports only code that you name; give --net py:ownnets:small \("):
        stored_net(f"{own}small@12345678(width=3)")
    assert "ownnets" not in sys.modules
    named = parse_net(own + "small")
    assert stored_net(named.spec) == named and stored_net("convnet").name == "convnet"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("py:ownnets", "must look like py:package.module:factory"),
        ("py:nowhere_at_all:small", "there is no module 'nowhere_at_all'; run the command in its folder"),
        ("py:ownnets:smal", "module 'ownnets' has no 'smal'"),
        ("py:ownnets:F", "is module, not a function or class"),
        ("py:ownnets:made", "is a network, not a function or class"),
        ("py:ownnets:two", "but it takes 2 arguments"),
        ("py:ownnets:four", "but it also needs 'depth'"),
        ("py:broken:small", r"cannot be imported (SyntaxError"),
    ],
)
def test_a_wrong_name_is_one_line(spec: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = "\nmade = nn.Flatten()\n\ndef two(a, b): ...\n\ndef four(a, b, c, depth): ...\n"
    own_nets.write(tmp_path, monkeypatch, own_nets.NETS + more)
    own_nets.write(tmp_path, monkeypatch, "def small(:\n", "broken")
    with pytest.raises(UsageError) as raised:
        parse_net(spec)
    assert words in str(raised.value) and "\n" not in str(raised.value)


def test_the_working_folder_is_searched_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder_nets.py").write_text(own_nets.NETS)
    (tmp_path / "json.py").write_text("raise SystemExit('hides the library')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    assert parse_net("py:folder_nets:small").spec.startswith("py:folder_nets:small@")
    monkeypatch.delitem(sys.modules, "folder_nets")


def test_a_module_of_a_large_library_is_digested_alone_and_soon() -> None:
    file = Path(torch.nn.modules.linear.__file__)
    expected = hashlib.sha256(b"torch.nn.modules.linear\0" + file.read_bytes() + b"\0").hexdigest()[:8]
    assert code_digest("torch.nn.modules.linear") == expected


def test_packages_of_others_are_not_imported_for_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "elsewhere"
    (folder / "strange").mkdir(parents=True)
    (folder / "strange" / "__init__.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    monkeypatch.syspath_prepend(str(folder))
    (tmp_path / "here").mkdir()
    text = f"{own_nets.NETS}\ndef later():\n    from strange.part import f\n"
    parse_net(own_nets.write(tmp_path / "here", monkeypatch, text, "lazynets") + "small")
    assert not (tmp_path / "sprung").exists()


CALLED = """
from functools import partial

class Makes:
    def __call__(self, channels, size, classes, width=4):
        return small(channels, size, classes, width)

instance, part = Makes(), partial(small, width=3)
"""


@pytest.mark.parametrize("name", ["instance", "part"])
def test_objects_that_are_called_name_the_file_of_their_code(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = own_nets.write(tmp_path, monkeypatch, own_nets.NETS + CALLED, "called")
    assert parse_net(start + name).remarks == (f"its code is {tmp_path / 'called.py'}",)
