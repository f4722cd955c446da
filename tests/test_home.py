"""Where ddkit looks for files: a user's home folder in a path."""

from pathlib import Path

import pytest

import ddkit
from ddkit.errors import DataError
from ddkit.home import expanded


def test_a_home_folder_is_put_in(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert expanded("~/x.npz") == Path("/somewhere/x.npz") and expanded("y") == Path("y")


@pytest.mark.parametrize("data", ["npz:~no-such-user/x.npz", "folder:~no-such-user/x"])
def test_a_user_who_is_not_there_is_one_line(data):
    with pytest.raises(DataError, match=r"there is no user of that name; write the path in full"):
        ddkit.plan("dm", data=data)
