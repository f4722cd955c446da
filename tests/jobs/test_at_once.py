"""Two processes at once: on one buffer, in one run folder, with one table."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from killed_jobs import JOBS, Place, alive, finish, go_on, left_over, results, start, wait_for
from listener import Listener

from ddkit.cli.main import run
from ddkit.errors import InUseError
from ddkit.experts import Buffer, list_buffers
from ddkit.jobs import condense
from ddkit.run import RunFolder

FTD = JOBS["ftd"]
TINY = ("experts.count=1", "method.max_start_epoch=1", "method.iterations=2", "method.syn_steps=2", "net.width=4")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The job, alone, in this process."""
    place = Place(tmp_path_factory.mktemp("whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DDKIT_HOME", str(place.home))
        assert run([*FTD.arguments, "--out", str(place.out)]) == 0
    return place


def test_two_runs_train_the_experts_of_one_buffer_once(whole: Place, tmp_path: Path) -> None:
    """The second one begins while the first holds the buffer in the midst of its training."""
    one, two = Place(tmp_path / "one"), Place(tmp_path / "two")
    two.folder.mkdir()
    (one.home / "buffers").mkdir(parents=True)
    two.home.symlink_to(one.home)
    (name,) = (buffer.name for buffer in list_buffers(whole.home / "buffers"))
    with Buffer(one.home / "buffers" / name).training(Listener()):
        processes = [start(FTD, one), start(FTD, two)]
        output = ["", ""]
        for i, process in enumerate(processes):  # both have come to the lock, and say so
            assert process.stderr is not None
            while "waiting" not in output[i]:
                line = process.stderr.readline()
                assert line, output[i]
                output[i] += line
            assert f"buffer '{name}': is being trained by pid {os.getpid()} on " in output[i]
    output = [earlier + finish(process) for earlier, process in zip(output, processes, strict=True)]
    assert sorted(text.count("training flat experts") for text in output) == [0, 1]
    for place in (one, two):
        assert results(FTD, place)["out/set.h5"] == results(FTD, whole)["out/set.h5"]
        assert not left_over(place) and not alive(place)


class Interrupting(Listener):
    """Interrupts a run once it has a checkpoint."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._checkpoint = place.out / "checkpoint.pt"

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        if self._checkpoint.exists():
            raise KeyboardInterrupt


class Meanwhile(Listener):
    """Resumes the same run in another process while this one is in the midst of its iterations."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def start(self, title: str, total: int, done: int = 0) -> None:
        if title == "condensing":
            other = start(FTD, self._place, "--resume")
            self.answer, self.code = other.communicate(timeout=240)[1], other.returncode


def test_of_two_resumes_one_goes_on_and_one_is_told_who_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path / "one")
    monkeypatch.setenv("DDKIT_HOME", str(place.home))
    overrides = tuple(word for word in FTD.arguments if "=" in word)
    with pytest.raises(KeyboardInterrupt):
        condense(overrides=overrides, out=place.out, evaluate=False, device="cpu", meter=Interrupting(place))
    meter = Meanwhile(place)
    condense(out=place.out, resume=True, evaluate=False, device="cpu", meter=meter)
    assert meter.code == 5 and meter.answer.count("\n") == 1
    assert meter.answer.startswith(f"ddkit: folder '{place.out}': is in use by pid {os.getpid()} on ")
    assert meter.answer.endswith("; wait until it ends, or choose another --out\n")
    assert [row["iteration"] for row in RunFolder(place.out).read_metrics()] == list(range(20))
    assert not left_over(place)


def test_a_run_folder_that_is_held_is_refused_before_anything_is_written(tmp_path: Path, home: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    condense("random", out=folder.path, evaluate=False)
    before = {file: file.read_bytes() for file in folder.path.rglob("*") if file.is_file()}
    with folder.locked():
        for more in ({"resume": True}, {}):
            with pytest.raises(InUseError, match="is in use by this process, pid "):
                condense("random", out=folder.path, evaluate=False, **more)
        names = {file for file in folder.path.rglob("*") if file.is_file()}
    assert names - set(before) == {folder.path / ".lock"}
    assert before == {file: file.read_bytes() for file in folder.path.rglob("*") if file.is_file()}


def test_a_buffer_in_use_is_not_removed(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    condense("ftd", out=tmp_path / "run", overrides=TINY, evaluate=False)
    (buffer,) = list_buffers(home / "buffers")
    for held in (buffer.in_use(), buffer.training(Listener())):
        with held:
            capsys.readouterr()
            assert run(["buffer", "rm", buffer.name]) == 5
            line = capsys.readouterr().err
            assert line.count("\n") == 1 and f"pid {os.getpid()} on " in line and buffer.name in line
            assert run(["buffer", "verify"]) == 0 and run(["buffer", "ls"]) == 0
    assert buffer.experts == [0]
    assert run(["buffer", "rm", buffer.name]) == 0
    assert not buffer.path.exists()
    condense("ftd", out=tmp_path / "again", overrides=TINY, evaluate=False)
    assert (tmp_path / "again" / "set.h5").read_bytes() == (tmp_path / "run" / "set.h5").read_bytes()


def test_a_run_holds_its_buffer_until_it_ends(tmp_path: Path, home: Path) -> None:
    class Remover(Listener):
        """Asks for the buffer's removal in the midst of the iterations."""

        refused = 0

        def start(self, title: str, total: int, done: int = 0) -> None:
            if title == "condensing":
                with pytest.raises(InUseError):
                    list_buffers(home / "buffers")[0].remove()
                self.refused += 1

    meter = Remover()
    condense("ftd", out=tmp_path / "run", overrides=TINY, evaluate=False, meter=meter)
    assert meter.refused == 1
    assert list_buffers(home / "buffers")[0].remove().startswith("removed digits-")


def test_a_linked_buffer_loses_its_link_only(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    condense("ftd", out=tmp_path / "run", overrides=TINY, evaluate=False)
    (buffer,) = list_buffers(home / "buffers")
    shutil.move(buffer.path, tmp_path / "elsewhere")
    buffer.path.symlink_to(tmp_path / "elsewhere")
    assert buffer.experts == [0]
    assert run(["buffer", "rm", buffer.name]) == 0
    assert f"removed the link {buffer.name}; its target, the buffer {tmp_path / 'elsewhere'}, is kept" in (
        capsys.readouterr().out
    )
    assert not buffer.path.is_symlink()
    assert sorted(file.name for file in (tmp_path / "elsewhere").iterdir()) == ["expert-000.h5", "key.json"]


def test_halves_of_files_that_a_kill_left_are_swept(tmp_path: Path, home: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    condense("ftd", out=folder.path, overrides=TINY, evaluate=False)
    (buffer,) = list_buffers(home / "buffers")
    buffer.file(0).unlink()
    halves = [folder.path / f".{name}.0123abcd.part" for name in ("set.h5", "checkpoint.pt", "spent.json")]
    halves += [folder.snapshots / ".iteration-000010.h5.12.part", buffer.path / ".expert-000.h5.77.part"]
    kept = [folder.path / ".mine.csv.1f.part", folder.path / "set.h5.part", buffer.path / ".expert-x.h5.1.part"]
    for file in (*halves, *kept):
        file.parent.mkdir(exist_ok=True)
        file.write_text("half")
    condense(out=folder.path, resume=True, evaluate=False)
    assert not any(file.exists() for file in halves) and all(file.exists() for file in kept)


def test_two_tables_of_one_set_at_once_are_equal(tmp_path: Path, home: Path) -> None:
    """The first to finish leaves the rows to the other; the last one clears them."""
    job = JOBS["scored"]
    one, two = Place(tmp_path / "one"), Place(tmp_path / "two")
    two.folder.mkdir()
    one.home.mkdir(parents=True)
    two.home.symlink_to(one.home)
    for process in [start(job, place) for place in (one, two)]:
        finish(process)
    assert results(job, one) == results(job, two)
    tables = [json.loads((place.out / "scores.json").read_text())["scores"] for place in (one, two)]
    first, second = ([row["accuracies"] for row in table] for table in tables)
    assert first == second
    assert not [file for file in (one.home / "rows").rglob("*") if file.is_file()]


def test_a_killed_job_of_each_kind_goes_on_to_the_same_bytes(whole: Place, tmp_path: Path) -> None:
    place = Place(tmp_path / "killed")
    process = start(FTD, place, threads=2)
    wait_for(lambda: list(place.home.rglob("expert-*.h5")), process)
    process.kill()
    process.communicate()
    wait_for(lambda: not alive(place), within=30)
    go_on(FTD, place)
    assert results(FTD, place) == results(FTD, whole) and not left_over(place)
