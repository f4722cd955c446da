"""A finished set is compared with the scores in its file."""

import dataclasses
import json
from pathlib import Path

import pytest
from own_graphs import own

from ddkit.cli.main import run
from ddkit.errors import DataError, UsageError
from ddkit.jobs import condense, verify_set
from ddkit.synth import SyntheticSet, describe, list_sets, load, write_set

TINY = ("net.depth=1", "net.width=4", "evaluate.nets=2", "evaluate.steps=4", "evaluate.epochs=1")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a scored coreset of digits."""
    out = tmp_path_factory.mktemp("scored") / "run"
    condense("random", ipc=1, out=out, overrides=TINY, device="cpu")
    return out


def test_a_set_scores_as_its_file_states(scored: Path) -> None:
    """Under the seed of the file, every score is the same number; `whole` is not repeated."""
    found = verify_set(scored, device="cpu")
    assert [row.name for row in found] == ["random", "random-real", "herding", "kmeans"]
    assert all(row.stated == row.now for row in found)
    other = verify_set(scored, seed=1, device="cpu")
    assert any(row.stated != row.now for row in other)


@pytest.mark.parametrize(("mean", "code"), [(None, 0), (0.99, 1)])
def test_the_command_ends_with_1_where_a_score_is_not_reached(
    scored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], mean: float | None, code: int
) -> None:
    made = load(scored)
    assert isinstance(made, SyntheticSet)
    scores = json.loads(made.record.scores)
    if mean is not None:
        scores["scores"][0] |= {"mean": mean, "interval95": 0.001}
    record = dataclasses.replace(made.record, scores=json.dumps(scores))
    file = tmp_path / "set.h5"
    write_set(dataclasses.replace(made, record=record), file)
    assert run(["sets", "verify", str(file), "--device", "cpu"]) == code
    assert ("NO" in capsys.readouterr().out) == bool(code)


def test_a_set_of_graphs_scores_as_its_file_states(tmp_path: Path, home: Path) -> None:
    settings = ("method.hops=1", "method.ratio=0.3", "evaluate.nets=2", "evaluate.steps=2", 'evaluate.gnns="gin,sage"')
    out = tmp_path / "run"
    condense("mirage", data=own(tmp_path / "own"), overrides=(*settings, "evaluate.whole=false"), out=out)
    found = verify_set(out)
    assert {row.name for row in found} >= {"mirage gin", "mirage sage"} and all(row.stated == row.now for row in found)


@pytest.mark.parametrize(("scores", "error"), [("{}", UsageError), ('{"scores": [{"name": 3}]}', DataError)])
def test_a_set_without_readable_scores_is_one_line(scored: Path, scores: str, error: type[Exception]) -> None:
    made = load(scored)
    assert isinstance(made, SyntheticSet)
    with pytest.raises(error, match="scores") as caught:
        verify_set(dataclasses.replace(made, record=dataclasses.replace(made.record, scores=scores)))
    assert "\n" not in str(caught.value)


def test_the_list_of_sets_states_their_bytes() -> None:
    for name, file in list_sets().items():
        made = load(name)
        stored = sum(made.stored_bytes().values()) if isinstance(made, SyntheticSet) else made.stored_bytes
        assert describe(file).stored_bytes == stored


def test_every_listed_set_has_a_score_and_a_random_rival(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sets", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in list_sets():
        (line,) = (line for line in lines if name in line.split())
        assert line.count("±") == 2, line
    assert run(["sets", "ls", "--method", "nothing"]) == 0
    assert "no ready-made set" in capsys.readouterr().out
