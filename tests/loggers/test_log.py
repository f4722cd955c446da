"""The log of a run: which figures a logger gets, and that no logger ends or changes a run."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ddkit.cli.main import run as command
from ddkit.errors import DDKitWarning, UsageError
from ddkit.jobs.runs import Condensed
from ddkit.loggers import names
from ddkit.run import RunFolder, read_json

Run = Callable[..., Condensed]


class Spy:
    """A logger that remembers its calls, and raises `error` in the call `raises`."""

    calls: ClassVar[list[tuple[Any, ...]]] = []
    raises: ClassVar[str] = ""
    error: ClassVar[BaseException] = RuntimeError("the network\nis down")

    def __init__(self, folder: Path, settings: Mapping[str, Any], earlier: str) -> None:
        self.id = "the id"
        self._note("__init__", settings["method.iterations"], earlier)

    def _note(self, *call: Any) -> None:
        Spy.calls.append(call)
        if call[0] == Spy.raises:
            raise Spy.error

    def metrics(self, iteration: int, values: Mapping[str, float]) -> None:
        self._note("metrics", iteration, dict(values))

    def scores(self, iteration: int, values: Mapping[str, float]) -> None:
        self._note("scores", iteration, dict(values))

    def picture(self, iteration: int, name: str, file: Path) -> None:
        self._note("picture", iteration, name, file.name)

    def close(self, finished: bool) -> None:
        self._note("close", finished)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> type[Spy]:
    """The logger "spy". Its library is there in every environment."""
    monkeypatch.setitem(names.LOGGERS, "spy", f"{__name__}:Spy")
    monkeypatch.setitem(sys.modules, "spy", sys.modules[__name__])
    monkeypatch.setattr(Spy, "calls", [])
    monkeypatch.setattr(Spy, "raises", "")
    return Spy


@pytest.mark.pictures
def test_a_logger_gets_the_metrics_the_scores_and_the_gallery(small_run: Run, spy: type[Spy], tmp_path: Path) -> None:
    made = small_run(tmp_path / "run", log="spy")
    first, *iterations, picture, scores, close = spy.calls
    rows = RunFolder(made.folder).read_metrics()
    assert [("metrics", row.pop("iteration"), row) for row in rows] == iterations and len(rows) == 4
    assert made.evaluation is not None
    assert scores == ("scores", 4, {score.name: score.mean for score in made.evaluation.scores})
    assert (first, picture, close) == (("__init__", 4, ""), ("picture", 4, "gallery", "gallery.png"), ("close", True))


def test_a_resumed_run_continues_the_log(small_run: Run, spy: type[Spy], tmp_path: Path) -> None:
    small_run(tmp_path / "run", log="spy", evaluate=False)
    assert read_json(tmp_path / "run" / "logs.json", dict[str, str]) == {"spy": "the id"}
    spy.calls.clear()
    small_run(tmp_path / "run", "method.iterations=6", resume=True, log="spy", evaluate=False)
    assert [call[:2] for call in spy.calls[:-1]] == [("__init__", 6), ("metrics", 4), ("metrics", 5)]
    assert spy.calls[0][2] == "the id" and spy.calls[-1] == ("close", True)


@pytest.mark.parametrize("raises", ["__init__", "metrics", "scores", "close"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit(1)])
def test_a_logger_that_raises_changes_no_byte_and_is_switched_off(
    small_run: Run, spy: type[Spy], tmp_path: Path, raises: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spy, "raises", raises)
    monkeypatch.setattr(spy, "error", error)
    expected = small_run(tmp_path / "a", evaluate=raises == "scores").folder / "set.h5"
    with pytest.warns(DDKitWarning, match="log 'spy': is switched off, and the run goes on") as warned:
        found = small_run(tmp_path / "b", evaluate=raises == "scores", log="spy").folder / "set.h5"
    assert found.read_bytes() == expected.read_bytes()
    assert len(warned) == 1 and spy.calls[-1][0] == raises and [call[0] for call in spy.calls].count(raises) == 1


def test_warnings_that_are_errors_do_not_end_the_run(small_run: Run, spy: type[Spy], tmp_path: Path) -> None:
    spy.raises = "metrics"
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert small_run(tmp_path / "run", log="spy", evaluate=False).set is not None


def test_only_the_users_interrupt_passes(
    small_run: Run, spy: type[Spy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spy, "raises", "metrics")
    monkeypatch.setattr(spy, "error", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        small_run(tmp_path / "run", log="spy", evaluate=False)
    assert spy.calls[-1] == ("close", False)


def test_a_damaged_file_of_ids_switches_the_log_off(small_run: Run, spy: type[Spy], tmp_path: Path) -> None:
    small_run(tmp_path / "run", log="spy", evaluate=False)
    (tmp_path / "run" / "logs.json").write_text("{")
    spy.calls.clear()
    with pytest.warns(DDKitWarning, match=r"switched off.*logs\.json"):
        small_run(tmp_path / "run", "method.iterations=5", resume=True, log="spy", evaluate=False)
    assert spy.calls == []


def test_a_refused_run_opens_no_log_and_leaves_no_folder(
    small_run: Run, spy: type[Spy], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError):
        small_run(tmp_path / "run", "method.iterations=-1", log="spy")
    with pytest.raises(UsageError, match="log 'spi' is unknown; did you mean spy"):
        small_run(tmp_path / "run", log="spi")
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed
    monkeypatch.chdir(tmp_path)
    assert command(["condense", "--out", "run", "--log", "wandb"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "wandb is not installed; run: pip install 'ddkit[wandb]'" in error
    assert spy.calls == [] and not (tmp_path / "run").exists()
