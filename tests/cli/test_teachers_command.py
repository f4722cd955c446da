"""ddkit teachers and ddkit relabel, as a user meets them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ddkit.cli.main import run
from ddkit.experts import read_bundle
from ddkit.jobs import train_teachers
from ddkit.synth import read_set

SHORT = ("experts.name=teacher", "experts.nets=mlp(depth=1, width=8)", "experts.epochs=2", "experts.lr=0.01")


@pytest.fixture
def command(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """command(arguments) -> exit code, output, error; in a home of its own"""

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        text = capsys.readouterr()
        return code, text.out, text.err

    return call


@pytest.fixture
def teacher(home: Path) -> Path:
    train_teachers(overrides=SHORT)
    (file,) = (home / "teachers").iterdir()
    return file


def test_train(command, home: Path) -> None:
    arguments = [part for assignment in SHORT for part in ("--set", assignment)]
    code, out, _ = command("teachers", "train", *arguments)
    (file,) = (home / "teachers").iterdir()
    accuracy = read_bundle(file).facts.validation_accuracy
    assert code == 0 and f"mlp(depth=1, width=8): validation accuracy {100 * accuracy:.1f} %" in out
    before = file.stat().st_mtime_ns
    assert command("teachers", "train", *arguments)[0] == 0 and file.stat().st_mtime_ns == before


def test_ls_and_verify(command, teacher: Path) -> None:
    code, out, _ = command("teachers", "ls")
    (line,) = [line for line in out.splitlines() if teacher.stem in line]
    accuracy = read_bundle(teacher).facts.validation_accuracy
    assert code == 0 and "digits" in line and f"{100 * accuracy:.1f}" in line and "MiB" in line
    for names in ((), (teacher.stem,)):
        assert command("teachers", "verify", *names)[:2] == (0, f"{teacher.stem}: good; 10 classes, '0' first\n")
    good = teacher.with_name("another.pt")
    good.write_bytes(teacher.read_bytes())
    teacher.write_bytes(teacher.read_bytes()[:300])
    for arguments in (("ls",), ("verify",)):
        code, out, error = command("teachers", *arguments)
        assert code == 3 and "damaged" in error and error.count("\n") == 1
        assert "another" in out and "bad" in out  # one bad file does not hide the others


def test_an_empty_house(command) -> None:
    assert command("teachers", "ls")[0] == 0
    assert command("teachers", "verify")[:2] == (0, "")
    code, _, error = command("teachers", "rm", "somebody")
    assert code == 3 and "there are none" in error and error.count("\n") == 1


def test_rm(command, teacher: Path) -> None:
    code, _, error = command("teachers", "rm", teacher.stem[:-1])
    assert code == 3 and f"did you mean {teacher.stem}?" in error and teacher.exists()
    assert command("teachers", "rm", teacher.stem)[:2] == (0, f"removed {teacher.stem}\n")
    assert not teacher.exists()
    assert command("teachers", "rm")[0] == 2  # nobody is removed without a name


def test_export_and_relabel_by_a_file(command, teacher: Path, a_run: Path, tmp_path: Path) -> None:
    """The exported bundle serves where the home is another one."""
    given = tmp_path / "given.pt"
    assert command("teachers", "export", teacher.stem, "--out", str(given))[:2] == (0, f"wrote {given}\n")
    assert given.read_bytes() == teacher.read_bytes()
    teacher.unlink()
    out = tmp_path / "set.h5"
    relabelling = ("relabel", str(a_run), "--out", str(out), "--bundle", str(given), "--temperature", "4")
    code, text, _ = command(*relabelling)
    assert code == 0 and text.startswith(f"wrote {out}: 10 images, labels of mlp(depth=1, width=8)")
    assert text.rstrip().endswith("at temperature 4") and not teacher.exists()
    made, bundle = read_set(out), read_bundle(given)
    expected = bundle.net(bundle.theta, made.images).half().float()
    assert made.facts.temperature == 4.0 and made.soft_labels is not None
    torch.testing.assert_close(made.soft_labels, expected, rtol=2**-10, atol=1e-4)
    sure = made.soft_labels.softmax(1)[torch.arange(10), made.labels]
    code, text, _ = command(*relabelling, "--ferkd", f"0,0,{float(sure.median())}")
    assert code == 0 and len(read_set(out)) == 5 and "5 images" in text


def test_relabel_by_networks(command, home: Path, a_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "set.h5"
    arguments = ("relabel", str(a_run), "--out", str(out), "--teachers", "mlp(depth=1, width=8)")
    assert command(*arguments, "--set", "experts.epochs=2")[0] == 0
    assert len(list((home / "teachers").iterdir())) == 1 and read_set(out).soft_labels is not None


@pytest.mark.parametrize(
    "more, code, text",
    [
        ((), 2, "the set's recipe has no teachers"),
        (("--bundle", "none.pt"), 3, "none.pt': there is no such file"),
        (("--teachers", "mlpp"), 2, "net 'mlpp' is unknown; did you mean mlp"),
        (("--teachers", "mlp", "--set", "net.width=3"), 2, "only experts.* can be set"),
        (("--teachers", "mlp", "--set", "experts.epoch=3"), 2, "did you mean epochs"),
    ],
)
def test_relabel_refuses_in_one_line(command, a_run: Path, tmp_path: Path, more, code: int, text: str) -> None:
    found, out, error = command("relabel", str(a_run), "--out", str(tmp_path / "set.h5"), *more)
    assert (found, out) == (code, "") and text in error and error.count("\n") == 1
    assert not (tmp_path / "set.h5").exists()
