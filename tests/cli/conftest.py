"""A finished run on digits that costs next to nothing: random-real, not evaluated."""

from pathlib import Path

import pytest

from ddkit.cli.main import run


@pytest.fixture(scope="session")
def a_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "random-digits"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDKIT_HOME", str(folder.with_name("home")))
        assert run(["condense", "--method", "random", "--no-evaluate", "--device", "cpu", "--out", str(folder)]) == 0
    return folder
