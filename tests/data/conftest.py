"""Fixtures of the tests that look for data by name."""

import urllib.error
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def isolated(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test sees none of this machine's data and does not reach the network."""
    monkeypatch.delenv("DDKIT_DATA", raising=False)

    def offline(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr("urllib.request.urlopen", offline)
