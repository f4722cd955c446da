"""Files that must be refused: damaged ones, bit by bit, and ones that a hostile author made and sealed.

`GOOD` writes and reads a small file of each kind, `flips` damages one, `HOSTILE` are sets that point elsewhere or hold
what no set holds, and `BOMBS` are small files that claim much.
"""

import hashlib
import json
import os
import random
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from ddkit.experts import Buffer, Bundle, read_bundle, write_bundle
from ddkit.experts.teachers.bundle import TeacherFacts
from ddkit.graphs import TreeDag
from ddkit.nets import FlatNet, parse_net
from ddkit.run import read_checkpoint, write_checkpoint
from ddkit.synth import (
    Compensated,
    GraphFacts,
    GraphSet,
    Record,
    Samples,
    SetFacts,
    SyntheticSet,
    read_graph_set,
    read_set,
    write_graph_set,
    write_set,
)

HEAD = 512
MIB = 2**20


# Good files


@dataclass(frozen=True)
class State:
    """A method's state, for a checkpoint."""

    images: torch.Tensor
    rng: torch.Tensor
    done: int


def write_images(path: Path) -> None:
    """Six images of three classes, with soft labels."""
    images = torch.arange(6 * 16).float().view(6, 1, 4, 4) / 50 - 1
    soft = (torch.arange(18).float().view(6, 3) / 7).softmax(1)
    made = SyntheticSet(
        images=images, labels=torch.tensor([0, 0, 1, 1, 2, 2]), soft_labels=soft, facts=_facts(), record=_record()
    )
    write_set(made, path)


def write_compact(path: Path) -> None:
    """Two real images of each of three classes and two compensators of each of two teachers, with logits."""
    real = torch.arange(3 * 2 * 16).remainder(251).to(torch.uint8).view(3, 2, 1, 4, 4)
    added = (torch.arange(2 * 2 * 16).float().view(2, 2, 1, 4, 4) / 32 - 1).half()
    labels = torch.arange(18 * 3).float().view(18, 3) / 8
    facts = _facts(ipc=4, temperature=30.0, teachers="mlp")
    write_set(SyntheticSet.from_compact(Compensated(real, added), facts, labels, _record()), path)


def write_graphs(path: Path) -> None:
    """Three trees of depth 1 over two leaves, two samples."""
    trees = TreeDag(
        depth_size=np.array([2, 3]),
        label=np.array([0, 1, 0, 1, 1]),
        leaf_degree=np.array([1, 2], np.float32),
        fan=np.array([1, 2, 1]),
        child=np.array([0, 0, 1, 1]),
        edge_label=np.array([0, 1, 0, 0]),
        count=np.array([1, 2, 1, 1]),
    )
    made = GraphSet(
        trees=trees,
        samples=Samples(
            label=np.array([0, 1]), support=np.array([5, 300]), size=np.array([1, 2]), tree=np.array([0, 1, 2])
        ),
        node_vocabulary=np.array([[3], [-4]]),
        edge_vocabulary=np.array([[0], [1]]),
        facts=GraphFacts(method="m", dataset="x", data_digest="d", classes=("a", "b"), hops=1, true_degrees=False),
        record=_record(),
    )
    write_graph_set(made, path)


def write_state(path: Path) -> None:
    """A checkpoint."""
    write_checkpoint(path, 12, State(torch.arange(48.0).view(3, 1, 4, 4) / 7, torch.arange(64, dtype=torch.uint8), 12))


def write_expert(path: Path) -> None:
    """An expert of five rows of 300 parameters; its file is named expert-000.h5."""
    Buffer(path.parent).write(0, torch.arange(1500.0).view(5, 300) ** 1.5, "float32", {"loss": 0.25})


def write_teacher(path: Path) -> None:
    """A teacher of a network with batch norm, whose statistics it holds."""
    net = FlatNet(parse_net("convnet(depth=1, width=4, norm=batch)"), (1, 8, 8), 3)
    theta = torch.arange(net.parameters) / net.parameters
    facts = TeacherFacts(
        net=net.spec,
        shape=(1, 8, 8),
        classes=("a", "b", "c"),
        data="x",
        data_digest="d",
        mean=(0.5,),
        std=(0.25,),
        validation_accuracy=0.5,
    )
    write_bundle(Bundle(theta, net.init_stats(theta), facts), path)


def read_images(path: Path) -> str:
    """A digest of all that a set says."""
    found = read_set(path)
    soft = None if found.soft_labels is None else found.soft_labels.numpy().tobytes()
    return _told(found.images.numpy().tobytes(), found.labels.tolist(), soft, found.facts, found.record)


def read_graphs(path: Path) -> str:
    found = read_graph_set(path)
    return _told(found.digest, found.node_vocabulary, found.edge_vocabulary, found.facts, found.record)


def read_state(path: Path) -> str:
    done, state = read_checkpoint(path, State, iterations=100)
    return _told(done, state.images.numpy().tobytes(), state.rng.tolist(), state.done)


def read_expert(path: Path) -> str:
    buffer = Buffer(path.parent)
    buffer.verify(0)
    rows, _, dtype = buffer.layout(0)
    return _told(np.array(rows).tobytes(), dtype, buffer.facts(0))


def read_teacher(path: Path) -> str:
    found = read_bundle(path)
    stats = {name: value.tolist() for name, value in found.stats.items()}
    return _told(found.theta.numpy().tobytes(), stats, found.facts)


@dataclass(frozen=True)
class Kind:
    """A kind of file: its name on disk, what writes it, and what gives a digest of all that is read of it."""

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], str]


GOOD = {
    "set": Kind("set.h5", write_images, read_images),
    "compact set": Kind("set.h5", write_compact, read_images),
    "graph set": Kind("set.h5", write_graphs, read_graphs),
    "checkpoint": Kind("checkpoint.pt", write_state, read_state),
    "expert": Kind("expert-000.h5", write_expert, read_expert),
}


EVERY = GOOD | {"teacher": Kind("teacher.pt", write_teacher, read_teacher)}
"""Files that ddkit reads: the sealed ones, and a teacher, a zip with a digest within so that `torch.load` opens it."""


def flips(path: Path, first: int, more: int, seed: int = 0) -> Iterator[tuple[int, int]]:
    """Yield (byte, bit) with that bit of the file flipped: all of the first bytes, then `more` at random."""
    size, draw = path.stat().st_size, random.Random(seed)
    every = [(byte, bit) for byte in range(min(first, size)) for bit in range(8)]
    every += [(draw.randrange(size), draw.randrange(8)) for _ in range(more)]
    good = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for byte, bit in every:
            os.pwrite(file.fileno(), bytes([good[byte] ^ 1 << bit]), byte)
            yield byte, bit
            os.pwrite(file.fileno(), good[byte : byte + 1], byte)


# Sealed by hand


def seal(path: Path) -> None:
    """Give a file with a user block the head that fits what it holds, as anybody can."""
    content = path.read_bytes()[HEAD:]
    line = f"ddkit-sealed/1 sha256 {hashlib.sha256(content).hexdigest()} {len(content)}\n"
    path.write_bytes(line.encode().ljust(HEAD, b"\0") + content)


@contextmanager
def edited(path: Path) -> Iterator[h5py.File]:
    """A sealed HDF5 file, open for changes and sealed again afterwards."""
    with h5py.File(path, "r+") as file:
        yield file
    seal(path)


def spoiled(write: Callable[[Path], None], spoil: Callable[[h5py.File], None]) -> Callable[[Path], None]:
    """What writes a good set, spoils it, and seals it again."""

    def make(path: Path) -> None:
        write(path)
        with edited(path) as file:
            spoil(file)

    return make


def _instead(name: str, **how: Any) -> Callable[[h5py.File], None]:
    """Put another dataset in the place of one."""

    def spoil(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **how)

    return spoil


# Sets that point elsewhere, or are made of what no set is made of


def _soft_link(file: h5py.File) -> None:
    file.move("image", "hidden")
    file["image"] = h5py.SoftLink("/hidden")


def _external_link(file: h5py.File) -> None:
    del file["image"]
    file["image"] = h5py.ExternalLink("elsewhere.h5", "/image")


def _record_elsewhere(file: h5py.File) -> None:
    del file["ddkit"]
    file["ddkit"] = h5py.ExternalLink("elsewhere.h5", "/ddkit")


def _twice(file: h5py.File) -> None:
    del file["soft_label"]
    file["soft_label"] = file["image"]


def _own_child(file: h5py.File) -> None:
    file["ddkit/root"] = file["/"]


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((6, 1, 4, 4), np.float32)
    layout[:] = h5py.VirtualSource("elsewhere.h5", "image", (6, 1, 4, 4))
    del file["image"]
    file.create_virtual_dataset("image", layout)


def _references(file: h5py.File) -> None:
    del file["label"]
    file.create_dataset("label", (6,), dtype=h5py.ref_dtype)[:] = file["image"].ref


def _many_parts(file: h5py.File) -> None:
    for i in range(2000):
        file.create_group(f"{i}")


def _many_attributes(file: h5py.File) -> None:
    for i in range(500):
        file.attrs[f"a{i}"] = i


def _indexed_parts(file: h5py.File) -> None:
    for i in range(2000):
        file.create_group(f"ddkit/{i}")


def _indexed_attributes(file: h5py.File) -> None:
    for i in range(500):
        file["ddkit"].attrs[f"a{i}"] = i


def _list_of_texts(file: h5py.File) -> None:
    file.attrs["method"] = ["ftd"] * 1000


def _odd_attribute(file: h5py.File) -> None:
    file.attrs.create("lr", np.zeros((), [("a", "f4"), ("b", "f4")]))


def _type(file: h5py.File) -> None:
    del file["label"]
    file["label"] = np.dtype("i8")


_ELSEWHERE = [("elsewhere.raw", 0, h5py.h5f.UNLIMITED)]

HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    name: (spoiled(write_images, spoil), words)
    for name, spoil, words in [
        ("a soft link", _soft_link, "'image' is stored elsewhere, behind a SoftLink"),
        ("an external link", _external_link, "'image' is stored elsewhere, behind a ExternalLink"),
        ("a record in another file", _record_elsewhere, "'ddkit' is stored elsewhere, behind a ExternalLink"),
        ("one dataset twice", _twice, "occurs twice"),
        ("a group that is its own child", _own_child, "occurs twice"),
        ("a virtual dataset", _virtual, "the numbers of its 'image' are in other files"),
        (
            "external storage",
            _instead("image", shape=(6, 1, 4, 4), dtype="f4", external=_ELSEWHERE),
            "the numbers of its 'image' are in other files",
        ),
        (
            "rows of any length",
            _instead("label", shape=(6,), dtype=h5py.vlen_dtype(np.int64)),
            "its 'label' has no plain numbers",
        ),
        ("texts of any length", _instead("label", data=["a"] * 6), "its 'label' has no plain numbers"),
        ("references", _references, "its 'label' has no plain numbers"),
        ("compounds", _instead("label", shape=(6,), dtype=[("a", "i8"), ("b", "i8")]), "has no plain numbers"),
        ("a type", _type, "its 'label' is neither dataset nor group"),
        (
            "another filter",
            _instead("label", data=np.zeros(6, np.int64), chunks=(6,), compression="lzf"),
            "its 'label' is not compressed as in sets, by shuffle, gzip and fletcher32",
        ),
        ("many parts", _many_parts, "it has 2,004 parts in one group, over 64"),
        ("many attributes", _many_attributes, "attributes on one object, over 64"),
        ("parts in an index", _indexed_parts, "its parts or attributes are in an index that no set needs"),
        ("attributes in an index", _indexed_attributes, "its parts or attributes are in an index that no set needs"),
        ("a list of texts", _list_of_texts, r"its attribute 'method' is not one text but \[1000\]"),
        ("a compound attribute", _odd_attribute, "its attribute 'lr' is neither text nor number"),
    ]
}
"""What is wrong with a set -> (what writes it, words of the line that refuses it)."""


def endless_text(path: Path) -> None:
    """Give the second text of a set a size that leads HDF5 back to where it is: it would read it for ever."""
    content = bytearray(path.read_bytes())
    second = 16 + 16 + -(-content[content.index(b"GCOL") + 24] // 8) * 8
    content[content.index(b"GCOL") + second + 15] ^= 1
    path.write_bytes(content)


def _write_endless(path: Path) -> None:
    write_compact(path)
    endless_text(path)
    seal(path)


HOSTILE["a text without end"] = _write_endless, "its texts have sizes that do not fit their heap"


def _bytes_changed(
    change: Callable[[bytearray], None], write: Callable[[Path], None] = write_images
) -> Callable[[Path], None]:
    """What writes a good set, changes its bytes as HDF5 would not, and seals it again."""

    def make(path: Path) -> None:
        write(path)
        content = bytearray(path.read_bytes())
        change(content)
        path.write_bytes(content)
        seal(path)

    return make


def _put(content: bytearray, place: int, leads_to: int) -> None:
    """Write a place, which HDF5 counts from behind the head."""
    struct.pack_into("<Q", content, place, leads_to - HEAD)


def _place(content: bytearray, place: int) -> int:
    """Read one."""
    return HEAD + int(struct.unpack_from("<Q", content, place)[0])


def trees(content: bytes, kind: int) -> list[int]:
    """Where the nodes of trees of symbols (kind 0) or chunks (kind 1) begin."""
    return [found.start() for found in re.finditer(b"TREE" + bytes([kind]), content)]


def _symbols_below_themselves(content: bytearray) -> None:
    (node,) = trees(content, 0)
    content[node + 5] = 1
    _put(content, node + 32, node)


def _symbols_beside_themselves(content: bytearray) -> None:
    (node,) = trees(content, 0)
    _put(content, node + 16, node)


def _chunks_below_themselves(content: bytearray) -> None:
    """In the order in which they were written: images of four dimensions, labels, soft labels; HDF5 adds one."""
    for node, dimensions in zip(trees(content, 1), (5, 2, 3), strict=True):
        content[node + 5] = 1
        _put(content, node + 24 + 8 + 8 * dimensions, node)


def _chunks_beside_themselves(content: bytearray) -> None:
    for node in trees(content, 1):
        _put(content, node + 16, node)


def _many_chunks(file: h5py.File) -> None:
    _instead("image", data=np.zeros((200, 1, 4, 4), np.float32), chunks=(1, 1, 4, 4))(file)


def _one_child_again_and_again(content: bytearray) -> None:
    """A root whose children are all one: of 32 such levels HDF5 would see 64^32 chunks."""
    (root,) = [node for node in trees(content, 1) if content[node + 5]]
    first, step = root + 24 + 48, 56
    for child in range(first, first + step * content[root + 6], step):
        _put(content, child, _place(content, first))


def _space_without_end(content: bytearray) -> None:
    heap = content.index(b"HEAP")
    first = _place(content, heap + 24) + struct.unpack_from("<Q", content, heap + 16)[0]
    struct.pack_into("<Q", content, first, struct.unpack_from("<Q", content, heap + 16)[0])


HOSTILE |= {
    "symbols below themselves": (
        _bytes_changed(_symbols_below_themselves),
        "its trees lead back to where they come from",
    ),
    "symbols beside themselves": (
        _bytes_changed(_symbols_beside_themselves),
        "its trees lead back to where they come from",
    ),
    "chunks below themselves": (
        _bytes_changed(_chunks_below_themselves),
        "its trees lead back to where they come from",
    ),
    "chunks beside themselves": (
        _bytes_changed(_chunks_beside_themselves),
        "its trees lead back to where they come from",
    ),
    "one child again and again": (
        _bytes_changed(_one_child_again_and_again, spoiled(write_images, _many_chunks)),
        "its trees lead back to where they come from",
    ),
    "free space without end": (_bytes_changed(_space_without_end), "refer to each other without end"),
}


# Small files that claim much


def _zeros(shape: tuple[int, ...], dtype: str, chunk: tuple[int, ...], name: str) -> Callable[[h5py.File], None]:
    """A dataset whose every chunk is one compressed chunk of zeros."""

    def spoil(file: h5py.File) -> None:
        del file[name]
        table = file.create_dataset(name, shape, dtype, chunks=chunk, compression="gzip")
        packed = zlib.compress(bytes(int(np.prod(chunk)) * np.dtype(dtype).itemsize), 9)
        for begin in range(0, shape[0], chunk[0]):
            table.id.write_direct_chunk((begin, *[0] * (len(shape) - 1)), packed)

    return spoil


def _deflated(file: h5py.File) -> None:
    """A chunk of 96 numbers whose bytes inflate to a gigabyte."""
    del file["image"]
    table = file.create_dataset("image", (6, 1, 4, 4), "f4", chunks=(6, 1, 4, 4), compression="gzip")
    table.id.write_direct_chunk((0, 0, 0, 0), _inflating(512))


def _deflated_large(file: h5py.File) -> None:
    """The same behind a chunk that may be large itself: an image of two million pixels."""
    del file["image"]
    shape = (1, 1, 1024, 2048)
    table = file.create_dataset("image", (6, *shape[1:]), "f4", chunks=shape, compression="gzip")
    table.id.write_direct_chunk((0, 0, 0, 0), _inflating(512))


def _inflating(mib: int) -> bytes:
    """A stream of zlib's that inflates to zeros."""
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mib)) + packer.flush()


def _many_expanded(file: h5py.File) -> None:
    classes = 20_000
    file.attrs["classes"] = json.dumps([str(c) for c in range(classes)])
    del file["compact/real"], file["compact/compensator"]
    file["compact/real"] = np.zeros((classes, 1, 1, 1, 1), np.uint8)
    file["compact/compensator"] = np.zeros((classes, 1, 1, 1, 1), np.float16)


def _unpacked(file: h5py.File) -> None:
    classes, rows = 10_000, 10**6
    file.attrs["classes"] = json.dumps([str(c) for c in range(classes)])
    file.attrs["top_k"] = 1
    del file["soft_label"]
    for name, dtype in (("soft_label_top", "f2"), ("soft_label_class", "u2"), ("soft_label_rest", "f2")):
        file.create_dataset(name, (rows, 1), dtype, chunks=(rows, 1), compression="gzip")


def _long_text(file: h5py.File) -> None:
    file["ddkit"].attrs["scores"] = '{"a": [' + "[], " * 5_000_000 + "0]}"


def _deep_text(file: h5py.File) -> None:
    file["ddkit"].attrs["scores"] = '{"a": ' + "[" * 1_000_000 + "]" * 1_000_000 + "}"


def _attribute(name: str, value: Any) -> Callable[[h5py.File], None]:
    def spoil(file: h5py.File) -> None:
        file.attrs[name] = value

    return spoil


def _arrays(**arrays: Any) -> Callable[[h5py.File], None]:
    def spoil(file: h5py.File) -> None:
        for name, array in arrays.items():
            del file[name]
            file.create_dataset(name, data=np.asarray(array))

    return spoil


def _deep_trees(file: h5py.File) -> None:
    """A chain of 200,000 trees, each the only child of the next."""
    hops = 200_000
    file.attrs["hops"] = hops
    ones, zeros = np.ones(hops, np.uint8), np.zeros(hops, np.uint8)
    _arrays(depth_size=np.ones(hops + 1, np.uint8), label=np.zeros(hops + 1, np.uint8), fan=ones, count=ones)(file)
    _arrays(child=zeros, edge_label=zeros, leaf_degree=np.ones(1, np.float32), sample_tree=np.zeros(3, np.uint8))(file)


def _heaps_in_heaps(content: bytearray) -> None:
    """8,000 heaps of texts, each of which reaches to the end of the file and holds all further ones."""
    begin, count = len(content), 8000
    for i in range(count):
        content += b"GCOL\1\0\0\0" + struct.pack("<Q", 32 * (count - i))
        content += struct.pack("<HHIQ", 1, 0, 0, 16 if i < count - 1 else 0)
    assert len(content) == begin + 32 * count


BOMBS: dict[str, Callable[[Path], None]] = {
    "heaps in heaps": _bytes_changed(_heaps_in_heaps),
    "8 GB of images": spoiled(
        write_images, _instead("image", shape=(6, 1, 20_000, 20_000), dtype="f4", chunks=(1, 1, 100, 100))
    ),
    "exabytes of images": spoiled(
        write_images, _instead("image", shape=(6, 2**20, 2**20, 2**15), dtype="f4", chunks=(1, 1, 1, 2**15))
    ),
    "images of no storage": spoiled(write_images, _instead("image", shape=(6, 1, 20_000, 20_000), dtype="f4")),
    "2**33 labels": spoiled(write_images, _instead("label", shape=(2**33,), dtype="i8", chunks=(2**16,))),
    "2**28 labels": spoiled(write_images, _instead("label", shape=(2**28,), dtype="u1", chunks=(2**16,))),
    "a million images of a pixel": spoiled(
        write_images, _instead("image", shape=(10**6, 1, 1, 1), dtype="f4", chunks=(1000, 1, 1, 1))
    ),
    "a chunk of gigabytes": spoiled(
        write_images, _instead("label", shape=(6,), dtype="i8", chunks=(2**28,), maxshape=(None,))
    ),
    "zeros, compressed": spoiled(write_images, _zeros((512, 1, 512, 2048), "f4", (1, 1, 512, 2048), "image")),
    "a chunk that inflates": spoiled(write_images, _deflated),
    "a large chunk that inflates": spoiled(write_images, _deflated_large),
    "a compact form that expands": spoiled(write_compact, _many_expanded),
    "packed labels that unpack": spoiled(write_compact, _unpacked),
    "a text of many lists": spoiled(write_images, _long_text),
    "a text of nested lists": spoiled(write_images, _deep_text),
    "2**40 images a class": spoiled(write_images, _attribute("ipc", 2**40)),
    "2**40 hops": spoiled(write_graphs, _attribute("hops", 2**40)),
    "200,000 hops": spoiled(write_graphs, _deep_trees),
    "2**40 trees": spoiled(write_graphs, _arrays(depth_size=[2, 2**40])),
    "2**33 trees, all of one leaf": spoiled(write_graphs, _arrays(depth_size=[2, 2**33])),
    "samples of 2**40 trees": spoiled(write_graphs, _arrays(sample_size=[1, 2**40])),
    "a count of 2**50": spoiled(write_graphs, _arrays(count=[1, 2**50, 1, 1])),
    "10**8 edges": spoiled(write_graphs, _zeros((10**8,), "u1", (10**7,), "child")),
    "10**9 supports": spoiled(write_graphs, _instead("sample_support", shape=(10**9,), dtype="u1", chunks=(10**6,))),
}
"""What each claims -> what writes it. All are sealed, as a hostile author would."""


def _facts(**changes: Any) -> SetFacts:
    values = {"method": "ftd", "dataset": "toy", "data_digest": "d", "classes": ("a", "b", "c"), "ipc": 2}
    values |= {"space": "normalised", "preprocess_digest": "p", "net": "mlp", "mean": (0.5,), "std": (0.25,)}
    return SetFacts(**values | changes)


def _record() -> Record:
    return Record(recipe="seed = 0\n", environment='{"torch": "2"}', lineage='{"data": "d"}', scores='{"scores": []}')


def _told(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
