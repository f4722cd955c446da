"""The buffer on disk: exact rows, named damage, keys, and growth that leaves what is there alone."""

import dataclasses
import hashlib
import multiprocessing
import os
import random
import re
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from ddkit.cli.main import run
from ddkit.data import DSA
from ddkit.errors import DataError, DDKitError, NumericalError
from ddkit.experts import Buffer, BufferKey, Trajectories, collect, find_buffers, list_buffers
from ddkit.experts.flat import FlatExperts
from ddkit.experts.plain import PlainExperts
from ddkit.experts.trajectories import factory
from ddkit.randomness import stream
from ddkit.run import SilentMeter
from ddkit.task import Task

EARLIER = Path(__file__).parents[2] / "earlier_formats"
KEY = BufferKey("npz:some/tiny.npz", "d1", "crop", "convnet(depth=1, width=4)", PlainExperts())


@pytest.fixture
def buffer(tmp_path) -> Buffer:
    return Buffer.open(tmp_path, KEY)


@pytest.fixture
def snapshots() -> torch.Tensor:
    """A random walk of 14 snapshots of 50 parameters."""
    return torch.randn(14, 50, generator=torch.Generator().manual_seed(0)).cumsum(0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_round_trip(buffer, snapshots, dtype):
    buffer.write(3, snapshots, dtype, {"loss": 0.25})
    trajectories = Trajectories(buffer, 4)
    read = torch.stack([trajectories.row(3, epoch) for epoch in range(14)])
    assert read.dtype == torch.float32
    assert torch.equal(read, snapshots.to(getattr(torch, dtype)).float())
    assert buffer.rows(3) == 14 and buffer.rows(2) == 0 and buffer.experts == [3]


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_facts_state_what_the_rounding_costs(buffer, snapshots, dtype):
    buffer.write(0, snapshots, dtype, {"loss": 0.25, "validation_accuracy": 0.5})
    exact = snapshots.double().numpy()
    stored = snapshots.to(getattr(torch, dtype)).double().numpy()
    shares = [np.linalg.norm(stored[i] - exact[i]) / np.linalg.norm(exact[i + 1] - exact[i]) for i in range(13)]
    facts = buffer.facts(0)
    assert facts.pop("rounding") == pytest.approx(max(shares), rel=1e-5)
    assert facts == {"loss": 0.25, "validation_accuracy": 0.5}
    assert (max(shares) == 0) == (dtype == "float32")


def test_rows_are_contiguous_plain_numbers(buffer, snapshots):
    """What makes mapping possible, seen with h5py alone."""
    buffer.write(0, snapshots, "float32", {})
    with h5py.File(buffer.file(0)) as file:
        assert file["theta"].chunks is None and file["theta"].compression is None
        np.testing.assert_array_equal(file["theta"][:], snapshots.numpy())


def flip(buffer: Buffer, expert: int, row: int) -> None:
    with h5py.File(buffer.file(expert)) as file:
        offset = file["theta"].id.get_offset() + row * file["theta"].shape[1] * file["theta"].dtype.itemsize
    content = bytearray(buffer.file(expert).read_bytes())
    content[offset + 5] ^= 0x10
    buffer.file(expert).write_bytes(bytes(content))


def test_rows_are_mapped_and_never_loaded_whole(buffer, snapshots):
    buffer.write(0, snapshots, "float32", {})
    flip(buffer, 0, row=12)
    rows, _, _ = buffer.layout(0)
    assert isinstance(rows, np.memmap)
    trajectories = Trajectories(buffer, 1)
    assert torch.equal(trajectories.row(0, 3), snapshots[3])  # row 12 is nobody's business
    with pytest.raises(DataError, match="row 12"):
        trajectories.row(0, 12)


def test_a_row_that_was_read_may_be_changed_by_its_reader(buffer, snapshots):
    buffer.write(0, snapshots, "float32", {})
    trajectories = Trajectories(buffer, 1)
    trajectories.row(0, 1).zero_()
    assert torch.equal(trajectories.row(0, 1), snapshots[1])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_damage_names_buffer_expert_row_and_file(buffer, snapshots, dtype):
    buffer.write(7, snapshots, dtype, {})
    buffer.verify(7)
    flip(buffer, 7, row=12)
    line = (
        f"buffer '{buffer.name}': expert 7 is damaged (checksum differs at row 12); "
        f"delete expert-007.h5 and rerun to retrain that one"
    )
    with pytest.raises(DataError, match=f"^{re.escape(line)}$"):
        buffer.verify(7)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file(buffer, snapshots, share):
    buffer.write(7, snapshots, "float32", {})
    content = buffer.file(7).read_bytes()
    buffer.file(7).write_bytes(content[: int(share * len(content))])
    for read in (buffer.rows, buffer.verify, buffer.facts, lambda expert: Trajectories(buffer, 8).row(expert, 0)):
        with pytest.raises(DataError, match=f"{buffer.name}.*expert 7 is damaged.*delete expert-007.h5"):
            read(7)


def test_whatever_is_damaged_no_wrong_row_and_no_other_error_comes_out(buffer, snapshots):
    buffer.write(0, snapshots, "float32", {"loss": 1.0})
    good, rng = buffer.file(0).read_bytes(), random.Random(0)
    refused = 0
    for _ in range(300):
        content = bytearray(good)
        for _ in range(rng.choice([1, 4, 30])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        buffer.file(0).write_bytes(bytes(content))
        try:
            buffer.facts(0)
            trajectories = Trajectories(buffer, 1)
            for epoch in range(14):
                assert torch.equal(trajectories.row(0, epoch), snapshots[epoch])
        except DDKitError as error:
            refused += 1
            assert "expert-000.h5" in str(error) and "\n" not in str(error)
    assert refused > 200


def test_an_expert_of_an_earlier_version_is_read_and_verify_says_what_it_lacks(home, capsys):
    buffer = Buffer.open(home / "buffers", KEY)
    buffer.file(0).write_bytes((EARLIER / "expert.h5").read_bytes())
    rows = torch.arange(60.0).view(5, 12) ** 1.5
    assert torch.equal(Trajectories(buffer, 1).row(0, 3), rows[3]) and buffer.facts(0)["loss"] == 0.25
    assert not buffer.sealed(0)
    buffer.write(1, rows, "float32", {"loss": 0.25})
    assert buffer.sealed(1) and torch.equal(Trajectories(buffer, 2).row(1, 3), rows[3])
    assert run(["buffer", "verify"]) == 0
    message = f"{buffer.name}: 2 experts good; 1 of an earlier version have checksums of their rows only\n"
    assert capsys.readouterr().out == message
    buffer.file(0).unlink()
    buffer.write(0, rows, "float32", {})
    assert run(["buffer", "verify"]) == 0 and capsys.readouterr().out == f"{buffer.name}: 2 experts good\n"


def test_a_seal_that_leaves_out_more_than_the_rows_is_refused(buffer, snapshots):
    """A head that fits the file, and covers nothing but the beginning."""
    buffer.write(0, snapshots, "float32", {})
    content = buffer.file(0).read_bytes()
    end, length = len(content), len(content) - 512
    digest = hashlib.sha256(f"600 {end}\n".encode() + content[512:600]).hexdigest()
    head = f"ddkit-sealed/1 sha256 {digest} {length} without 600 {end}\n".encode().ljust(512, b"\0")
    buffer.file(0).write_bytes(head + content[512:])
    with pytest.raises(DataError, match="its seal does not cover what it should"):
        buffer.layout(0)


def test_a_missing_expert(buffer):
    with pytest.raises(DataError, match="expert 5 is missing"):
        Trajectories(buffer, 6).row(5, 0)


CHANGED = {
    **{"lr": 0.02, "lr_decay": 0.5, "lr_decay_epoch": 3, "momentum": 0.5, "weight_decay": 1e-3, "batch": 7, "seed": 1},
    **{"dtype": "float16", "warmup": 0.7, "warmup_epochs": 4, "penalty": 1.0, "penalty_norm": "sample"},
}
CHANGED_FLAT = {**CHANGED, "rho": 0.02, "alpha": 1.0}


@pytest.mark.parametrize(("kind", "changed"), [(PlainExperts, CHANGED), (FlatExperts, CHANGED_FLAT)])
def test_every_setting_but_the_count_changes_the_key(kind, changed):
    assert {field.name for field in dataclasses.fields(kind)} == {"count", *changed}
    key = dataclasses.replace(KEY, experts=kind())
    others = [dataclasses.replace(key, experts=kind(**{name: value})) for name, value in changed.items()]
    others += [
        dataclasses.replace(key, data_digest="d2"),
        dataclasses.replace(key, augment="crop_scale"),
        dataclasses.replace(key, net="convnet(depth=1, width=5)"),
        dataclasses.replace(key, experts=FlatExperts() if kind is PlainExperts else PlainExperts()),
    ]
    assert len({key.digest, *(other.digest for other in others)}) == 1 + len(others)
    assert len({key.folder, *(other.folder for other in others)}) == 1 + len(others)
    assert dataclasses.replace(key, experts=kind(count=3)).digest == key.digest


def test_the_folder_says_what_is_in_it(buffer, tmp_path):
    assert buffer.path == tmp_path / f"tiny.npz-convnet-plain-{KEY.digest[:8]}"
    assert Buffer.open(tmp_path, KEY) == buffer
    assert '"data_digest": "d1"' in (buffer.path / "key.json").read_text()


def test_equal_content_gives_equal_bytes(tmp_path, snapshots):
    for name in ("one", "two"):
        Buffer.open(tmp_path / name, KEY).write(0, snapshots, "bfloat16", {"loss": 0.1})
    files = [next((tmp_path / name).rglob("*.h5")) for name in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_find_list_and_remove(tmp_path, buffer, snapshots):
    other = Buffer.open(tmp_path, dataclasses.replace(KEY, data="digits"))
    other.write(0, snapshots, "float32", {})
    assert list_buffers(tmp_path) == sorted([buffer, other], key=lambda b: b.name)
    assert find_buffers(tmp_path, (other.name,)) == [other]
    assert other.size > snapshots.nbytes
    with pytest.raises(DataError, match="'nope'"):
        find_buffers(tmp_path, ("nope",))
    other.remove()
    assert list_buffers(tmp_path) == [buffer]


# Growth: collect


def bring(buffer, real, net, count, epochs=2, **settings):
    settings = FlatExperts(count=count, batch=8, **settings)
    return collect(buffer, Task(real, net, DSA("crop")), settings, epochs, SilentMeter())


@pytest.mark.parametrize("processes", [1, 2])
def test_progress_shows_from_the_first_epoch_on(buffer, real, net, monkeypatch, processes):
    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: processes)
    bring(buffer, real, net, 1, epochs=3)
    heard = []

    class Ear(SilentMeter):
        def start(self, title, total, done=0):
            heard.append((title, total, done))

        def advance(self, done, values=None):
            heard.append((done, dict(values or {})))

    settings = FlatExperts(count=3, batch=8)
    collect(buffer, Task(real, net, DSA("crop")), settings, 3, Ear())
    (title, total, begin), *events = heard
    assert (title, total, begin) == ("training flat experts, epochs", 12, 4)  # an initialisation counts as one
    counts = [done for done, _ in events]
    assert counts == sorted(counts) and set(counts) == set(range(5, 13))
    first = next(done for done, values in events if values)  # an expert is complete, and says how good it is
    assert first >= 8 and len([done for done, values in events if not values]) >= 4


def contents(buffer: Buffer) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in buffer.path.glob("expert-*.h5")}


def test_adding_four_experts_to_three_leaves_the_three_alone(buffer, real, net, tmp_path):
    bring(buffer, real, net, 3)
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in buffer.path.glob("expert-*.h5")}
    assert bring(buffer, real, net, 7).count == 7
    assert buffer.experts == list(range(7))
    assert before == {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in before}
    at_once = Buffer.open(tmp_path / "at_once", KEY)
    bring(at_once, real, net, 7)
    assert contents(at_once) == contents(buffer)


@pytest.mark.parametrize("processes", [1, 2])
def test_interrupted_training_goes_on_at_the_next_expert(buffer, real, net, tmp_path, monkeypatch, processes):
    """Expert 2 is interrupted as Ctrl-C does it: one process here, or two beside this one."""
    train, parent = factory.train_experts, os.getpid()

    def killed_in_the_middle_of_expert_2(task, settings, epochs, generators):
        marked = generators[0].initial_seed() == stream(settings.seed, "expert", 2).initial_seed()
        for epoch, item in enumerate(train(task, settings, epochs, generators)):
            if marked and epoch == 1:
                deadline = time.monotonic() + 30
                while buffer.experts[:2] != [0, 1]:
                    assert time.monotonic() < deadline
                os.kill(parent, signal.SIGINT)
                time.sleep(60 if os.getpid() != parent else 0)
            yield item

    monkeypatch.setattr("ddkit.executors.local.process_count", lambda: processes)
    monkeypatch.setattr(factory, "train_experts", killed_in_the_middle_of_expert_2)
    with pytest.raises(KeyboardInterrupt):
        bring(buffer, real, net, 4)
    stored = buffer.experts
    assert stored == [0, 1] or (processes == 2 and stored == [0, 1, 3])
    assert not list(buffer.path.glob(".*")) and not multiprocessing.active_children()
    first = {file: file.stat().st_mtime_ns for file in buffer.path.glob("expert-*.h5")}

    monkeypatch.setattr(factory, "train_experts", train)
    bring(buffer, real, net, 4)
    assert first == {file: file.stat().st_mtime_ns for file in first}
    whole = Buffer.open(tmp_path / "whole", KEY)
    bring(whole, real, net, 4)
    assert contents(whole) == contents(buffer) and len(contents(whole)) == 4


def test_an_expert_that_is_too_short_is_retrained_and_begins_the_same(buffer, real, net):
    short = bring(buffer, real, net, 2, epochs=1)
    old = [[short.row(expert, epoch) for epoch in range(2)] for expert in range(2)]
    long = bring(buffer, real, net, 1, epochs=4)
    assert buffer.rows(0) == 5 and buffer.rows(1) == 2  # expert 1 was not requested
    for epoch in range(2):
        assert torch.equal(long.row(0, epoch), old[0][epoch])
    bring(buffer, real, net, 1, epochs=2)
    assert buffer.rows(0) == 5  # a longer one is kept


def test_experts_differ(buffer, real, net):
    trajectories = bring(buffer, real, net, 2)
    assert not torch.equal(trajectories.row(0, 0), trajectories.row(1, 0))


def test_facts_of_a_trained_expert(buffer, real, net):
    trajectories = bring(buffer, real, net, 1, epochs=3, lr=0.1)
    facts = buffer.facts(0)
    with torch.no_grad():
        right = net(trajectories.row(0, 3), real.validation.images).argmax(1) == real.validation.labels
    assert facts["validation_accuracy"] == pytest.approx(right.double().mean().item())
    assert 0 < facts["loss"] < 2 and facts["rounding"] == 0


def test_a_damaged_expert_is_reported_before_anything_is_trained(buffer, real, net):
    bring(buffer, real, net, 2)
    buffer.file(1).write_bytes(b"not HDF5")
    with pytest.raises(DataError, match=r"expert 1 is damaged.*expert-001\.h5"):
        bring(buffer, real, net, 5)
    assert buffer.experts == [0, 1]
    buffer.file(1).unlink()  # as the line says
    bring(buffer, real, net, 2)
    buffer.verify(1)


def test_an_expert_that_diverges_is_not_stored(buffer, real, net):
    with pytest.raises(NumericalError, match=r"expert [012].*lower experts\.lr"):
        bring(buffer, real, net, 3, lr=1e38)
    assert buffer.experts == [] and not multiprocessing.active_children()
