"""The outer loop on a toy method: metrics, checkpoints, resume, and numbers that are lost."""

import itertools
import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch

from ddkit.errors import DataError, NumericalError
from ddkit.run import RunFolder, SilentMeter, drive, loop, read_checkpoint


@dataclass(frozen=True)
class ToyState:
    x: torch.Tensor
    rng: torch.Tensor


class Toy:
    """x <- 0.9 x + noise, loss x^2; at iteration `bad` the loss becomes `what`, and at `killed` the power goes."""

    state_class = ToyState
    blame = "lower method.lr_toy"
    loss_limit = 100.0

    def __init__(self, iterations=20, bad=None, what=float("nan"), killed=None, poison=None, factor=torch.inf):
        self.iterations, self.bad, self.what, self.killed, self.poison = iterations, bad, what, killed, poison
        self.done, self.factor = 0, factor

    def init(self):
        return ToyState(torch.ones(3), torch.Generator().manual_seed(0).get_state())

    def step(self, state):
        generator = torch.Generator()
        generator.set_state(state.rng)
        x = 0.9 * state.x + 0.01 * torch.randn(3, generator=generator)
        number, self.done = self.done, self.done + 1
        if number == self.killed:
            raise KeyboardInterrupt
        if number == self.poison:
            x = x * self.factor
        loss = self.what if number == self.bad else float(state.x.square().sum())
        return ToyState(x, generator.get_state()), {"loss": loss, "norm": x.norm()}


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(tmp_path)


def go(method, folder, **options):
    return drive(method, folder, SilentMeter(), **{"checkpoint_every": 5} | options)


def test_on_metrics_gets_each_row_that_is_written(folder, monkeypatch):
    """Also the row of a loss that ends the run. It is called only where rows are written, and not after each step."""
    seen, steps = [], []
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 0.0))  # rows are written at checkpoints only

    def note(iteration, metrics):
        seen.append({"iteration": iteration, **metrics})
        steps.append(method.done)

    method = Toy(12, bad=11)
    with pytest.raises(NumericalError):
        go(method, folder, on_metrics=note)
    expected = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert [row["iteration"] for row in seen] == list(range(12))
    assert seen[:11] == expected[:11] and set(seen[11]) == {"iteration", "loss", "norm"}
    assert steps[:6] == [6] * 6  # the rows before the first checkpoint, which is due after the step of iteration 5


def test_metrics_and_checkpoints(folder):
    seen = []
    state = go(Toy(12), folder, on_checkpoint=lambda done, state: seen.append((done, state.x.clone())))
    rows = folder.read_metrics()
    assert [row["iteration"] for row in rows] == list(range(12))
    assert rows[0]["loss"] == pytest.approx(3.0) and set(rows[0]) == {"iteration", "loss", "norm"}
    assert [done for done, _ in seen] == [0, 5, 10, 12]
    iteration, read = read_checkpoint(folder.checkpoint, ToyState)
    assert iteration == 12 and torch.equal(read.x, state.x) and torch.equal(seen[-1][1], state.x)


def test_checkpoints_that_take_long_are_rare(folder, monkeypatch):
    """Of a thousand ones of 30 GB: they come when the time since the last one is many times what it took."""
    written, clock = [], iter(range(10**6))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))
    plain = loop.write_checkpoint

    def slow(path, done, state, run):
        for _ in range(20):  # seconds by this clock, which each look moves on by one
            loop.time.monotonic()
        written.append(done)
        plain(path, done, state, run)

    monkeypatch.setattr(loop, "write_checkpoint", slow)
    seen = []
    state = go(Toy(601), folder, on_checkpoint=lambda done, _: seen.append(done))
    assert seen == [*range(0, 601, 5), 601]  # what is to be seen on the way is seen as often
    assert written[:2] == [0, 5] and written[-1] == 601 and 2 < len(written) < 12
    assert all(later - earlier > 50 for earlier, later in itertools.pairwise(written[1:-1]))
    assert torch.equal(read_checkpoint(folder.checkpoint, ToyState)[1].x, state.x)


@pytest.mark.parametrize("what", [float("nan"), float("inf"), 101.0], ids=["nan", "inf", "exploded"])
def test_a_lost_loss_names_the_setting_and_keeps_the_last_good_checkpoint(folder, what):
    with pytest.raises(NumericalError) as caught:
        go(Toy(bad=7, what=what), folder)
    line = str(caught.value)
    assert caught.value.exit_code == 4 and "\n" not in line
    assert "outer iteration 7: the loss is" in line and "lower method.lr_toy" in line
    assert "Iteration 5" in line and f"--out {folder.path} --resume --set" in line
    iteration, state = read_checkpoint(folder.checkpoint, ToyState)
    assert iteration == 5 and state.x.isfinite().all()


def test_a_loss_that_is_no_number_is_an_error_even_where_high_losses_are_skipped(folder):
    class Skipping(Toy):
        def step(self, state):
            new, metrics = super().step(state)
            return new, metrics | {"skipped": 0.0 if metrics["loss"] < 50 else 1.0}  # nan is not below

    assert go(Skipping(12, bad=7, what=1e9), folder)
    with pytest.raises(NumericalError, match="iteration 7: the loss is nan"):
        go(Skipping(12, bad=7), RunFolder(folder.path / "other"))


def test_a_loss_just_below_the_limit_is_fine(folder):
    go(Toy(bad=7, what=99.0), folder)


@pytest.mark.parametrize("factor", [float("inf"), 1e15])
def test_a_state_is_kept_only_once_its_own_loss_was_good(folder, factor):
    """Iteration 9's loss is good and its update is not: the state at 10, due for a checkpoint, must not be kept."""
    with pytest.raises(NumericalError, match=r"iteration 10: the loss is .*; lower method\.lr_toy"):
        go(Toy(poison=9, factor=factor), folder)
    assert read_checkpoint(folder.checkpoint, ToyState)[0] == 5


def test_a_last_state_that_overflows_is_not_kept(folder):
    with pytest.raises(NumericalError, match=r"iteration 20: 'x' is no longer finite; lower method\.lr_toy"):
        go(Toy(poison=19), folder)
    assert read_checkpoint(folder.checkpoint, ToyState)[0] == 15


def resumed(toy, begun):
    toy.done = begun
    return toy


@pytest.mark.parametrize("failure", [{"bad": 13}, {"killed": 13}, {"poison": 14}, {"killed": 3}])
def test_resume_equals_an_uninterrupted_run(tmp_path, failure):
    whole, broken = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "broken")
    expected = go(Toy(), whole)
    with pytest.raises((NumericalError, KeyboardInterrupt)):
        go(Toy(**failure), broken)
    begun = read_checkpoint(broken.checkpoint, ToyState)[0]
    assert begun == min(failure.values()) // 5 * 5
    state = go(resumed(Toy(), begun), broken, resume=True)
    assert torch.equal(state.x, expected.x) and torch.equal(state.rng, expected.rng)
    assert broken.metrics.read_bytes() == whole.metrics.read_bytes()


def test_rows_cut_off_by_a_kill_are_neither_repeated_nor_lost(folder):
    go(Toy(10), folder)
    good = folder.metrics.read_text()
    folder.metrics.write_text(good + '{"iteration": 10, "loss": 1.0}\n{"iteration": 11, "lo')
    go(resumed(Toy(20), 10), folder, resume=True)
    assert [row["iteration"] for row in folder.read_metrics()] == list(range(20))
    assert folder.metrics.read_text().startswith(good)


def test_a_finished_run_is_left_as_it_is(folder):
    state = go(Toy(), folder)
    before = folder.metrics.read_bytes()
    again = go(Toy(killed=0), folder, resume=True)  # no step is taken
    assert torch.equal(state.x, again.x) and folder.metrics.read_bytes() == before


def test_resume_without_a_checkpoint_begins(folder):
    assert torch.equal(go(Toy(), folder, resume=True).x, go(Toy(), RunFolder(folder.path / "other")).x)


def test_resume_from_a_damaged_checkpoint(folder):
    go(Toy(), folder)
    folder.checkpoint.write_bytes(folder.checkpoint.read_bytes()[:100])
    with pytest.raises(DataError, match="is damaged"):
        go(Toy(), folder, resume=True)


def test_the_meter_sees_the_work(folder):
    calls = []

    class Spy(SilentMeter):
        def start(self, title, total, done=0):
            calls.append((title, total, done))

        def advance(self, done, values=None):
            calls.append((done, sorted(values)))

        def finish(self):
            calls.append("finish")

    drive(Toy(10), folder, Spy(), checkpoint_every=5)
    assert calls == [("condensing", 10, 0), (6, ["loss", "norm"]), (10, ["loss", "norm"]), "finish"]


def test_states_are_not_changed_in_place(folder):
    toy = Toy()
    state = toy.init()
    kept = replace(state, x=state.x.clone())
    toy.step(state)
    assert torch.equal(state.x, kept.x)


def test_what_a_power_cut_leaves_after_the_last_checkpoint_is_dropped(folder):
    go(Toy(10), folder)
    good = folder.metrics.read_bytes()
    folder.metrics.write_bytes(good + b"\0" * 100 + b"\n\0\0")
    go(resumed(Toy(20), 10), folder, resume=True)
    assert [row["iteration"] for row in folder.read_metrics()] == list(range(20))


def test_metrics_that_were_deleted_begin_anew_and_go_on_as_often_as_is_asked(folder):
    go(Toy(10), folder)
    folder.metrics.unlink()
    go(Toy(10), folder, resume=True)
    assert not folder.metrics.exists()  # an empty file would be a damaged one
    with pytest.raises(KeyboardInterrupt):
        go(resumed(Toy(20, killed=13), 10), folder, resume=True)
    folder.append_metrics([{"iteration": i, "loss": 1.0} for i in (10, 11)])
    go(resumed(Toy(20), 10), folder, resume=True)
    go(resumed(Toy(25), 20), folder, resume=True)
    assert [row["iteration"] for row in folder.read_metrics()] == list(range(10, 25))


def test_nothing_is_written_before_all_of_the_folder_is_found_good(folder):
    go(Toy(10), folder)
    folder.metrics.write_text("null\n")
    before, called = {file: file.read_bytes() for file in folder.path.iterdir()}, []
    with pytest.raises(DataError, match="line 1: a row must be a table, found null"):
        go(resumed(Toy(20), 10), folder, resume=True, before_writing=lambda: called.append(1))
    assert not called and before == {file: file.read_bytes() for file in folder.path.iterdir()}
    folder.metrics.unlink()
    go(
        resumed(Toy(20), 10),
        folder,
        resume=True,
        before_writing=lambda: called.append(len(list(folder.path.iterdir()))),
    )
    assert called == [1]  # the checkpoint is there, and nothing is written yet


def test_the_loop_is_one_iteration_ahead_of_its_device(folder, monkeypatch):
    """It says after each iteration that all of it is queued."""
    queued: list[tuple[str, int]] = []

    class Ahead:
        def __init__(self, device):
            self.device = device

        def queued(self):
            queued.append((self.device, method.done))

    monkeypatch.setattr(loop, "OneAhead", Ahead)
    method = Toy(4)
    go(method, folder, device="cpu")
    assert queued == [("cpu", done) for done in (1, 2, 3, 4)]
