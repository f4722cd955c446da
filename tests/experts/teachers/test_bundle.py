"""A teacher's file: what comes back, who can read it, and what it refuses."""

import dataclasses
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hostile_files import EVERY

from ddkit.data import RealData
from ddkit.errors import DataError
from ddkit.experts import Bundle, read_bundle, write_bundle
from ddkit.experts.teachers.bundle import FORMAT, TeacherFacts
from ddkit.nets import FlatNet, parse_net
from ddkit.randomness import stream

SPEC = "convnet(depth=1, width=4, norm=batch)"


@pytest.fixture
def bundle(real: RealData) -> Bundle:
    net, draw = FlatNet(parse_net(SPEC), (1, 8, 8), 3), stream(0, "bundle")
    theta = net.init(draw)
    stats = {name: value + torch.rand(value.shape, generator=draw) for name, value in net.init_stats(theta).items()}
    facts = TeacherFacts(
        net=net.spec,
        shape=(1, 8, 8),
        classes=("a", "b", "c"),
        data="tiny",
        data_digest=real.data.digest,
        mean=real.preprocess.mean,
        std=real.preprocess.std,
        validation_accuracy=1 / 3,
    )
    return Bundle(theta, stats, facts)


def test_what_is_read_is_what_was_written(bundle: Bundle, tmp_path: Path) -> None:
    write_bundle(bundle, tmp_path / "deep" / "teacher.pt")
    read = read_bundle(tmp_path / "deep" / "teacher.pt")
    assert torch.equal(read.theta, bundle.theta) and read.theta.dtype == torch.float32
    assert list(read.stats) == list(bundle.stats) and len(read.stats) == 2
    assert all(torch.equal(read.stats[name], bundle.stats[name]) for name in bundle.stats)
    assert read.facts == bundle.facts and read.digest == bundle.digest
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["teacher.pt"]
    write_bundle(read, tmp_path / "again.pt")
    assert (tmp_path / "again.pt").read_bytes() == (tmp_path / "deep" / "teacher.pt").read_bytes()


def test_torch_alone_reads_it_without_unpickling_anything(bundle: Bundle, tmp_path: Path) -> None:
    """Its weights fit the ordinary module by name."""
    write_bundle(bundle, tmp_path / "teacher.pt")
    table = torch.load(tmp_path / "teacher.pt", weights_only=True)
    assert json.loads(table["facts"])["classes"] == ["a", "b", "c"]
    with torch.random.fork_rng():
        module = bundle.net.settings.build((1, 8, 8), 3).eval()
    left = module.load_state_dict(table["weights"] | table["stats"], strict=False)
    assert not left.unexpected_keys and all(name.endswith("num_batches_tracked") for name in left.missing_keys)
    x = torch.randn(4, 1, 8, 8, generator=stream(0, "x"))
    torch.testing.assert_close(module(x), bundle.net(bundle.theta, x, bundle.stats), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(module(x), bundle.net(bundle.theta, x))


def test_size_and_digest_are_of_all_numbers(bundle: Bundle) -> None:
    assert bundle.size == 4 * (bundle.net.parameters + 2 * 4)
    moved = {name: value + (name.endswith("var")) for name, value in bundle.stats.items()}
    others = [
        Bundle(bundle.theta + 1e-3, bundle.stats, bundle.facts),
        Bundle(bundle.theta, moved, bundle.facts),
        Bundle(bundle.theta, bundle.stats, dataclasses.replace(bundle.facts, classes=("b", "a", "c"))),
    ]
    assert len({bundle.digest, *(other.digest for other in others)}) == 4
    assert Bundle(bundle.theta.clone(), bundle.stats, bundle.facts).digest == bundle.digest


def test_a_teacher_of_the_data_is_welcome(bundle: Bundle, real: RealData) -> None:
    bundle.refuse_mismatch(real, "here")


@pytest.mark.parametrize(
    "facts, message",
    [
        ({"classes": ("b", "a", "c")}, "class 0 is 'b', the data's is 'a'"),
        ({"classes": ("a", "c", "b")}, "class 1 is 'c', the data's is 'b'"),
        ({"classes": ("a", "b")}, "class 2 is 'nothing', the data's is 'c'"),
        ({"classes": ("a", "b", "c", "d")}, "class 3 is 'd', the data's is 'nothing'"),
        ({"mean": (0.5,)}, r"normalised by mean \(0.5\)"),
        ({"std": (0.25,)}, r"std \(0.25\)"),
        ({"shape": (3, 8, 8)}, r"images of shape \(3, 8, 8\), the data has \(1, 8, 8\)"),
        ({"shape": (1, 16, 16)}, r"\(1, 16, 16\)"),
    ],
)
def test_a_teacher_of_something_else_is_one_line(bundle: Bundle, real: RealData, facts: dict, message: str) -> None:
    other = Bundle(bundle.theta, bundle.stats, dataclasses.replace(bundle.facts, **facts))
    with pytest.raises(DataError, match=message) as caught:
        other.refuse_mismatch(real, "teacher 'x'")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("teacher 'x': ")


def _refused(path: Path, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_bundle(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    _refused(tmp_path / "teacher.pt", "no such file")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_one_line(bundle: Bundle, tmp_path: Path, share: float) -> None:
    path = tmp_path / "teacher.pt"
    write_bundle(bundle, path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    _refused(path, "not a teacher of ddkit's, or damaged")


class Trap:
    """Unpickling it creates a file."""

    path: Path

    def __reduce__(self) -> tuple:
        return self.path.touch, ()


@pytest.mark.parametrize("save", [lambda o, p: p.write_bytes(pickle.dumps(o)), torch.save], ids=["pickle", "torch"])
def test_a_foreign_pickle_is_not_run(tmp_path: Path, save: Callable) -> None:
    trap, path = Trap(), tmp_path / "teacher.pt"
    trap.path = tmp_path / "sprung"
    save({"format": FORMAT, "facts": trap}, path)
    _refused(path, "not a teacher of ddkit's")
    assert not (tmp_path / "sprung").exists()


def _spoilt(bundle: Bundle, folder: Path, spoil: Callable[[dict], None]) -> Path:
    """Its file, after the table in it was changed."""
    path = folder / "teacher.pt"
    write_bundle(bundle, path)
    table = torch.load(path, weights_only=True)
    spoil(table)
    torch.save(table, path)
    return path


def _another_format(table: dict) -> None:
    table["format"] = "ddkit-teacher/3"


def _no_facts(table: dict) -> None:
    del table["facts"]


def _facts_no_json(table: dict) -> None:
    table["facts"] = "{"


def _fact_too_many(table: dict) -> None:
    table["facts"] = json.dumps(json.loads(table["facts"]) | {"mood": "good"})


def _fact_too_few(table: dict) -> None:
    facts = json.loads(table["facts"])
    del facts["classes"]
    table["facts"] = json.dumps(facts)


def _more_classes(table: dict) -> None:
    table["facts"] = json.dumps(json.loads(table["facts"]) | {"classes": ["a", "b", "c", "d"]})


def _another_net(table: dict) -> None:
    table["facts"] = json.dumps(json.loads(table["facts"]) | {"net": "mlp(depth=1, width=3)"})


def _an_unknown_net(table: dict) -> None:
    table["facts"] = json.dumps(json.loads(table["facts"]) | {"net": "transformer"})


def _weights_gone(table: dict) -> None:
    table["weights"].popitem()


def _weights_no_tensors(table: dict) -> None:
    table["weights"] = dict.fromkeys(table["weights"], 3)


def _stats_gone(table: dict) -> None:
    table["stats"] = {}


def _stats_of_another_width(table: dict) -> None:
    table["stats"] = {name: torch.ones(5) for name in table["stats"]}


def _a_fact_of_another_type(table: dict) -> None:
    table["facts"] = json.dumps(json.loads(table["facts"]) | {"mean": 0.5})


def _no_accuracy(table: dict) -> None:
    table["facts"] = json.dumps(json.loads(table["facts"]) | {"validation_accuracy": None})


def _another_fact(table: dict) -> None:
    table["facts"] = json.dumps(json.loads(table["facts"]) | {"classes": ["b", "a", "c"]})


def _a_weight_moved(table: dict) -> None:
    next(iter(table["weights"].values())).view(-1)[3] += 1e-6


def _a_statistic_moved(table: dict) -> None:
    next(iter(table["stats"].values()))[0] *= 2


def _no_digest(table: dict) -> None:
    del table["digest"]


@pytest.mark.parametrize(
    "spoil",
    [
        _a_fact_of_another_type,
        _no_accuracy,
        _another_fact,
        _a_weight_moved,
        _a_statistic_moved,
        _no_digest,
        _no_facts,
        _facts_no_json,
        _fact_too_many,
        _fact_too_few,
        _more_classes,
        _another_net,
        _an_unknown_net,
        _weights_gone,
        _weights_no_tensors,
        _stats_gone,
        _stats_of_another_width,
    ],
)
def test_parts_that_are_wrong_are_one_line(bundle: Bundle, tmp_path: Path, spoil: Callable[[dict], None]) -> None:
    _refused(_spoilt(bundle, tmp_path, spoil), "not a teacher of ddkit's, or damaged")


def test_a_teacher_of_another_version_is_named_so(bundle: Bundle, tmp_path: Path) -> None:
    _refused(
        _spoilt(bundle, tmp_path, _another_format),
        "has format ddkit-teacher/3, not ddkit-teacher/2; it is of another version",
    )


def test_every_flipped_bit_of_a_number_is_one_line(bundle: Bundle, tmp_path: Path) -> None:
    """torch.load does not look at the zip's checksums: a weight of 7.5e35 was once read as a good one."""
    path = tmp_path / "teacher.pt"
    write_bundle(bundle, path)
    image = path.read_bytes()
    for tensor in (bundle.theta, *bundle.stats.values()):
        needle = tensor.view(-1)[:4].numpy().tobytes()
        at = image.index(needle)
        for byte in range(at, at + len(needle)):
            path.write_bytes(image[:byte] + bytes([image[byte] ^ 64]) + image[byte + 1 :])
            _refused(path, "not a teacher of ddkit's, or damaged")


@pytest.mark.filterwarnings("ignore")  # torch's, about pickles of other protocols
def test_damage_before_the_numbers_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    """The lowest bit of each byte of the pickle: torch raises AssertionError for some, and reads others as tensors that
    require a gradient."""
    kind = EVERY["teacher"]
    path = tmp_path / kind.name
    kind.write(path)
    good, image = kind.read(path), path.read_bytes()
    for byte in range(700):
        path.write_bytes(image[:byte] + bytes([image[byte] ^ 1]) + image[byte + 1 :])
        try:
            assert kind.read(path) == good, byte
        except DataError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_lost_are_refused(bundle: Bundle, tmp_path: Path, value: float) -> None:
    theta = bundle.theta.clone()
    theta[5] = value
    write_bundle(Bundle(theta, bundle.stats, bundle.facts), tmp_path / "teacher.pt")
    _refused(tmp_path / "teacher.pt", "not a teacher of ddkit's, or damaged")


def test_a_foreign_state_dict_is_one_line(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "teacher.pt"
    torch.save(bundle.net.unflatten(bundle.theta), path)
    _refused(path, "not a teacher of ddkit's")
    torch.save(bundle.theta, path)
    _refused(path, "not a teacher of ddkit's")
