"""Fixtures of the inner loop's tests."""

import pytest

import ddkit.unroll.captured as captured_module
from ddkit.steps import slower


@pytest.fixture
def fresh(monkeypatch):
    """No graphs and no warnings of before."""
    monkeypatch.setattr(captured_module, "_SOLVERS", {})
    slower._warn_once.cache_clear()
