"""Small files that claim to be huge, and files that are none: what readers of data must refuse.

MAKERS[name](folder) -> the text that `load_images` or `load_graphs` takes, or teacher:FILE, or checkpoint:FILE

python tests/bombs.py      makes each, reads each in a process of its own, prints seconds and added memory
"""

import gzip
import io
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SLOW, LARGE = 2.0, 200 * 2**20
"""Seconds and bytes that no bomb may take."""


@dataclass(frozen=True)
class Outcome:
    """What reading it came to: an error line or what came instead, seconds, and bytes added at the peak."""

    line: str
    refused: bool
    seconds: float
    memory: int


READ = """
import os, sys, time
from pathlib import Path
from ddkit.data import load_images
from ddkit.errors import DDKitError
from ddkit.experts import read_bundle
from ddkit.graphs import load_graphs
from ddkit.run import checkpoint_iteration
from ddkit.shipped import shipped
from ddkit.synth import is_graph_set, read_graph_set, read_set
import torch_geometric.data, torchvision.datasets
def memory(entry):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(entry))
def load(spec):  # what load_images or load_graphs takes, or set:, teacher: or checkpoint:FILE
    kind, _, rest = spec.partition(":")
    if kind in ("teacher", "checkpoint"):
        return {"teacher": read_bundle, "checkpoint": checkpoint_iteration}[kind](Path(rest))
    if kind == "set":
        return read_graph_set(rest) if is_graph_set(rest) else read_set(Path(rest))
    return (load_images if kind in ("npz", "folder", "mnist", "tiny-imagenet", "cifar10") else load_graphs)(spec)
load_images("digits"), load_graphs("digits-graphs"), read_set(shipped("synth_sets") / "digits-ftd-ipc1.h5")
for home, spec in zip(sys.argv[1::2], sys.argv[2::2]):
    os.environ["DDKIT_HOME"] = os.environ["DDKIT_DATA"] = home
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that from here on
    before, begin = memory("VmRSS"), time.process_time()
    try:
        load(spec)
        line, refused = "it was read", 0
    except DDKitError as error:
        line, refused = str(error), 1
    except BaseException as error:
        line, refused = repr(error), 0
    seconds = time.process_time() - begin
    print(refused, seconds, max(0, memory("VmHWM") - before), line.replace("\\n", " // "), flush=True)
"""
"""A process that reads some: what both readers import is there before the clock starts."""


def read(bombs: list[tuple[Path, str]], patience: float = 20) -> list[Outcome]:
    """Read (home, what READ's `load` takes) each after the other, with that home for DDKIT_HOME and DDKIT_DATA. The
    process that does so is started anew behind a bomb that it does not survive.

    Args:
        patience: seconds after which a bomb hangs, added up for all.
    """
    found: list[Outcome] = []
    while rest := bombs[len(found) :]:
        command = [sys.executable, "-W", "ignore", "-c", READ, *(str(text) for bomb in rest for text in bomb)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30 + patience * len(rest))
            output, end = done.stdout, f"it ended the process with {done.returncode}: {done.stderr[-200:]}"
        except subprocess.TimeoutExpired as error:
            output, end = (error.stdout or b"").decode(), "it hangs"
        lines = output.splitlines()
        for line in lines:
            refused, seconds, memory, text = line.split(" ", 3)
            found.append(Outcome(text, refused == "1", float(seconds), int(memory)))
        if len(lines) < len(rest):
            found.append(Outcome(end, False, patience, 0))
    return found


# NumPy archives


def npy_header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def npz(file: Path, members: dict[str, bytes], packed: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", packed) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file


def zeros_npz(file: Path, members: dict[str, tuple[tuple[int, ...], str]]) -> Path:
    """Arrays that really hold zeros, packed a thousandfold, written without being held."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, (shape, dtype) in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as to:
                to.write(npy_header(shape, dtype))
                left, block = int(np.prod(shape)) * np.dtype(dtype).itemsize, bytes(2**22)
                while left:
                    left -= to.write(block[: min(left, len(block))])
    return file


def labels(count: int = 4) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.arange(count) % 2)
    return buffer.getvalue()


def _lying_shape(folder: Path) -> str:
    members = {"train_images": npy_header((4, 2**31, 1)) + bytes(64), "train_labels": labels()}
    return f"npz:{npz(folder / 'shape.npz', members)}"


def _exabytes(folder: Path) -> str:
    members = {"train_images": npy_header((4, 2**30, 2**30)) + bytes(64), "train_labels": labels()}
    return f"npz:{npz(folder / 'exabytes.npz', members)}"


def _wide_type(folder: Path) -> str:
    members = {"train_images": npy_header((4, 4, 4)) + bytes(64), "train_labels": labels()}
    members["classes"] = npy_header((2,), "<U500000000") + bytes(64)
    return f"npz:{npz(folder / 'type.npz', members)}"


def _long_header(folder: Path) -> str:
    """A header of half a GB of blanks, as version 2 allows."""
    size = 2**29
    with zipfile.ZipFile(folder / "header.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("train_images.npy", "w", force_zip64=True) as to:
            to.write(b"\x93NUMPY\x02\x00" + struct.pack("<I", size))
            for _ in range(size // 2**22):
                to.write(b" " * 2**22)
        archive.writestr("train_labels.npy", labels())
    return f"npz:{folder / 'header.npz'}"


def _one_gigabyte(folder: Path) -> str:
    """1 MB that unpacks to 1 GB, of a right type and shape."""
    members = {"train_images": ((4, 2**14, 2**14), "|u1"), "train_labels": ((4,), "<i8")}
    return f"npz:{zeros_npz(folder / 'zeros.npz', members)}"


def _unread_array(folder: Path) -> str:
    """A named set, with an array beside that nobody reads."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 20), ("test", 10)):
        for kind, array in (
            ("images", rng.integers(0, 256, (count, 32, 32, 3), np.uint8)),
            ("labels", np.arange(count) % 3),
        ):
            buffer = io.BytesIO()
            np.save(buffer, array)
            parts[f"{part}_{kind}"] = buffer.getvalue()
    zeros_npz(folder / "cifar10.npz", {"extra": ((2**30,), "|u1")})
    with zipfile.ZipFile(folder / "cifar10.npz", "a") as archive:
        for name, content in parts.items():
            archive.writestr(f"{name}.npy", content)
    return "cifar10"


def _zip_states_another_size(folder: Path) -> str:
    """The zip's directory says 8 GB of a member that has some bytes."""
    file = npz(folder / "directory.npz", {"train_images": npy_header((2, 2**16, 2**16)), "train_labels": labels(2)})
    raw = bytearray(file.read_bytes())
    place = raw.find(b"PK\x01\x02")
    raw[place + 24 : place + 28] = struct.pack("<I", 2**32 - 2)
    file.write_bytes(raw)
    return f"npz:{file}"


# pictures


def png(file: Path, side: int, rows: int | None = None, grey: bool = True) -> Path:
    """A black PNG of side x side; only so many `rows` of it are there."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(1)
    line = bytes(1 + side * (1 if grey else 3))
    body = b"".join(packer.compress(line) for _ in range(side if rows is None else rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0 if grey else 2, 0, 0, 0)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return file


def _folder(folder: Path, write: Callable[[Path], object], count: int = 5) -> str:
    for name in ("a", "b"):
        for i in range(count):
            file = folder / name / f"{i}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            write(file)
    return f"folder:{folder}"


def _ten_large_pictures(folder: Path) -> str:
    return _folder(folder, lambda file: png(file, 9000))


def _many_pictures(folder: Path) -> str:
    """Each small enough to be believed, a GB together."""
    whole = png(folder / ".one.png", 2000, grey=False).read_bytes()
    return _folder(folder, lambda file: file.write_bytes(whole), 50)


def _png_of_60000(folder: Path) -> str:
    return _folder(folder, lambda file: png(file, 60_000, rows=1))


def tiff(file: Path, side: int) -> None:
    tags = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, side), (279, 4, 64)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    file.write_bytes(b"II*\x00" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + bytes(64))


def _tiff_of_60000(folder: Path) -> str:
    return _folder(folder, lambda file: tiff(file, 60_000))


def _tiff_of_13000(folder: Path) -> str:
    """Below what Pillow calls a bomb."""
    return _folder(folder, lambda file: tiff(file, 13_000))


def _sparse_picture(folder: Path) -> str:
    def write(file: Path) -> None:
        with file.open("wb") as to:
            to.write(b"P5 13000 13000 255\n")
            to.truncate(13_000**2 + 20)

    return _folder(folder, write)


# what is no file


def _odd_entry(make: Callable[[Path], object]) -> Callable[[Path], str]:
    def maker(folder: Path) -> str:
        spec = _folder(folder, lambda file: png(file, 8))
        make(folder / "a" / "odd.png")
        return spec

    return maker


def _socket(path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as door:
        before = Path.cwd()
        os.chdir(path.parent)  # a socket's name is short
        try:
            door.bind(path.name)
        finally:
            os.chdir(before)


def _pipe_as(name: str, spec: str) -> Callable[[Path], str]:
    def maker(folder: Path) -> str:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(folder / name)
        return spec.format(folder / name)

    return maker


def _tu_pipe(folder: Path) -> str:
    spec = _tu(folder, "1\n1\n2\n2\n", "1\n2\n")
    (folder / "X_A.txt").unlink()
    os.mkfifo(folder / "X_A.txt")
    return spec


def _tiny(folder: Path, pipe: str) -> str:
    root = folder / "tiny-imagenet-200"
    for wnid in ("n01", "n02"):
        png(root / "train" / wnid / "images" / f"{wnid}_0.png", 64)
        png(root / "val" / "images" / f"{wnid}.png", 64)
    (root / "wnids.txt").write_text("n01\nn02\n")
    (root / "words.txt").write_text("n01\tcat\nn02\tdog\n")
    (root / "val" / "val_annotations.txt").write_text("n01.png\tn01\nn02.png\tn02\n")
    (root / pipe).unlink()
    os.mkfifo(root / pipe)
    return "tiny-imagenet"


def _huge_text(folder: Path) -> str:
    spec = _tiny(folder, "words.txt")
    words = folder / "tiny-imagenet-200" / "words.txt"
    words.unlink()
    with words.open("wb") as file:
        file.truncate(2**32)
    return spec


def _idx(folder: Path) -> str:
    """MNIST's files as torchvision keeps them, one of which is a hole of 8 GB."""
    raw = folder / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 2) + bytes(2))
        with (raw / f"{part}-images-idx3-ubyte").open("wb") as file:
            file.write(struct.pack(">IIII", 0x803, 2, 2**16, 2**16))
            file.truncate(2**33)
    return "mnist"


def _idx_header(folder: Path) -> str:
    raw = folder / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 2**31) + bytes(2))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, 2**31, 2**31, 2**31) + bytes(9))
    return "mnist"


# graphs


def graphs_npz(file: Path, num_nodes: list[int], **more: np.ndarray) -> str:
    ends = np.zeros(0, np.int64)
    given = {"edge_src": ends, "edge_dst": ends, "num_nodes": np.array(num_nodes), "label": np.arange(len(num_nodes))}
    np.savez(file, **(given | more))
    return f"graphs-npz:{file}"


def _graph_arrays(folder: Path) -> str:
    members = dict.fromkeys(("edge_src", "edge_dst"), ((2**26,), "<i8"))
    members |= dict.fromkeys(("num_nodes", "label"), ((4,), "<i8"))
    return f"graphs-npz:{zeros_npz(folder / 'edges.npz', members)}"


def _tu(folder: Path, indicator: str, classes: str, edges: str = "1, 2\n") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "X_A.txt").write_text(edges)
    (folder / "X_graph_indicator.txt").write_text(indicator)
    (folder / "X_graph_labels.txt").write_text(classes)
    return f"tu:{folder}"


def _tu_hole(folder: Path) -> str:
    spec = _tu(folder, "1\n1\n2\n2\n", "1\n2\n")
    with (folder / "X_A.txt").open("r+b") as file:
        file.truncate(2**33)
    return spec


def gz(file: Path, line: bytes, size: int) -> None:
    """`line` again and again until there are `size` bytes, packed."""
    block = line * (2**22 // len(line))
    with gzip.open(file, "wb", compresslevel=1) as to:
        for _ in range(size // len(block)):
            to.write(block)


def _ogb(folder: Path, what: str, line: bytes, size: int) -> str:
    raw = folder / "raw"
    raw.mkdir()
    for name, text in (
        ("edge", "0,1\n0,1\n"),
        ("num-node-list", "2\n2\n"),
        ("num-edge-list", "1\n1\n"),
        ("graph-label", "0\n1\n"),
    ):
        with gzip.open(raw / f"{name}.csv.gz", "wt") as to:
            to.write(text)
    gz(raw / f"{what}.csv.gz", line, size)
    return f"ogb:{folder}"


def _pt(folder: Path, make: Callable[[], object]) -> str:
    import torch

    torch.save(make(), folder / "graphs.pt")
    return f"pt:{folder / 'graphs.pt'}"


def _expanded() -> object:
    """x says that one number stands in 2^34 places."""
    import torch

    edge = torch.zeros(2, 0, dtype=torch.long)
    x = torch.ones(1, 1).expand(2**34, 1)
    return [{"edge_index": edge, "y": torch.tensor([i]), "x": x} for i in (0, 1)]


def _sparse_tensor() -> object:
    import torch

    x = torch.sparse_coo_tensor(torch.zeros(2, 0, dtype=torch.long), torch.zeros(0), (2**20, 2**20))
    edge = torch.zeros(2, 0, dtype=torch.long)
    return [{"edge_index": edge, "y": torch.tensor([i]), "x": x} for i in (0, 1)]


def _one_graph_again_and_again() -> object:
    import torch

    edge = torch.zeros(2, 100_000, dtype=torch.long)
    one = {"edge_index": edge, "y": torch.tensor([0]), "num_nodes": 1}
    return [one] * 10_000


def _lists_in_lists() -> object:
    """A text that is in ten lists, each of which is in ten lists, and so on: 10^30 texts in some kB."""
    import torch

    inner: object = "a"
    for _ in range(30):
        inner = [inner] * 10
    edge = torch.zeros(2, 0, dtype=torch.long)
    return [{"edge_index": edge, "y": torch.tensor([i]), "num_nodes": 2**40, "smiles": inner} for i in (0, 1)]


def packed_pt(file: Path, table: object) -> Path:
    """What `torch.save` would write, but that its archive is packed anew, with 1 GB in 1 MB as its first tensor."""
    import torch

    plain_file = io.BytesIO()
    torch.save(table, plain_file)
    with zipfile.ZipFile(plain_file) as plain:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for member in plain.infolist():
                with packed.open(member.filename, "w", force_zip64=True) as to:
                    if member.filename.endswith("data/0"):
                        for _ in range(2**30 // 2**22):
                            to.write(bytes(2**22))
                    else:
                        to.write(plain.read(member))
    return file


def _packed_graphs(folder: Path) -> str:
    import torch

    return f"pt:{packed_pt(folder / 'graphs.pt', torch.zeros(2**8))}"


# teachers and checkpoints


def _teacher(weights: object) -> dict[str, object]:
    """What a teacher's file holds."""
    import torch
    from hostile_files import write_teacher

    with tempfile.TemporaryDirectory() as scratch:
        write_teacher(Path(scratch) / "teacher.pt")
        table: dict[str, object] = torch.load(Path(scratch) / "teacher.pt", weights_only=True)
    return {"weights": {"w": weights}} | {key: value for key, value in table.items() if key != "weights"}


def _expanded_teacher(folder: Path) -> str:
    """A weight of which one number stands in 2^29 places."""
    import torch

    torch.save(_teacher(torch.zeros(1).expand(2**29)), folder / "teacher.pt")
    return f"teacher:{folder / 'teacher.pt'}"


def _packed_teacher(folder: Path) -> str:
    import torch

    return f"teacher:{packed_pt(folder / 'teacher.pt', _teacher(torch.zeros(2**8)))}"


def _packed_checkpoint(folder: Path) -> str:
    import torch

    table = {"state": {"images": torch.zeros(2**8)}, "iteration": 1, "run": ""}
    return f"checkpoint:{packed_pt(folder / 'checkpoint.pt', table)}"


MAKERS: dict[str, Callable[[Path], str]] = {
    "npz, a shape that lies": _lying_shape,
    "npz, exabytes": _exabytes,
    "npz, a text of 2 GB": _wide_type,
    "npz, a header of 512 MB": _long_header,
    "npz, 1 GB of zeros": _one_gigabyte,
    "npz, another size in the directory": _zip_states_another_size,
    "ten pictures of 9,000 pixels": _ten_large_pictures,
    "a hundred pictures, 1.2 GB": _many_pictures,
    "PNG of 60,000 x 60,000": _png_of_60000,
    "TIFF of 60,000 x 60,000": _tiff_of_60000,
    "TIFF of 13,000 x 13,000": _tiff_of_13000,
    "a picture with a hole": _sparse_picture,
    "a pipe among pictures": _odd_entry(os.mkfifo),
    "a socket among pictures": _odd_entry(_socket),
    "a device among pictures": _odd_entry(lambda path: path.symlink_to("/dev/zero")),
    "a dangling link among pictures": _odd_entry(lambda path: path.symlink_to("nowhere")),
    "a looping link among pictures": _odd_entry(lambda path: path.symlink_to(path.name)),
    "a pipe as npz": _pipe_as("pipe.npz", "npz:{}"),
    "a pipe as folder": _pipe_as("pipe", "folder:{}"),
    "a pipe as a named set": _pipe_as("cifar10.npz", "cifar10"),
    "a pipe as graphs-npz": _pipe_as("pipe.npz", "graphs-npz:{}"),
    "a pipe as pt": _pipe_as("pipe.pt", "pt:{}"),
    "a pipe as tu": _pipe_as("pipe", "tu:{}"),
    "a pipe in tu": _tu_pipe,
    "a pipe as wnids.txt": lambda folder: _tiny(folder, "wnids.txt"),
    "a pipe in val of tiny-imagenet": lambda folder: _tiny(folder, "val/images/n01.png"),
    "words.txt of 4 GB": _huge_text,
    "idx with a hole of 8 GB": _idx,
    "idx, a header of exabytes": _idx_header,
    "graphs-npz, num_nodes = 2**40": lambda folder: graphs_npz(folder / "a.npz", [2**40, 1]),
    "graphs-npz, num_nodes = 10**9": lambda folder: graphs_npz(folder / "a.npz", [10**9 - 1, 1]),
    "graphs-npz, sizes of 2**62": lambda folder: graphs_npz(folder / "a.npz", [2**62] * 4),
    "graphs-npz, 1 GB of zeros": _graph_arrays,
    "tu, a hole of 8 GB": _tu_hole,
    "ogb, 1 GB of numbers": lambda folder: _ogb(folder, "edge", b"0,1\n", 2**30),
    "ogb, one line of 1 GB": lambda folder: _ogb(folder, "edge", b"1", 2**30),
    "ogb, 1 GB of sizes": lambda folder: _ogb(folder, "num-node-list", b"1\n", 2**30),
    "pt, an expanded tensor": lambda folder: _pt(folder, _expanded),
    "pt, a sparse tensor": lambda folder: _pt(folder, _sparse_tensor),
    "pt, one graph 10,000 times": lambda folder: _pt(folder, _one_graph_again_and_again),
    "pt, lists in lists, num_nodes = 2**40": lambda folder: _pt(folder, _lists_in_lists),
    "pt, packed": _packed_graphs,
    "a teacher of an expanded tensor": _expanded_teacher,
    "a teacher, packed": _packed_teacher,
    "a checkpoint, packed": _packed_checkpoint,
}
"""Name -> a maker, whose folder is empty; each is to be refused."""


def campaign(folder: Path) -> dict[str, Outcome]:
    """What becomes of each."""
    bombs = []
    for i, make in enumerate(MAKERS.values()):
        own = folder / str(i)
        own.mkdir()
        bombs.append((own, make(own)))
    return dict(zip(MAKERS, read(bombs), strict=True))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for name, found in campaign(Path(scratch)).items():
            good = found.refused and found.seconds < SLOW and found.memory < LARGE
            flag = "good" if good else "BAD "
            print(
                f"{flag} {name:40} {found.seconds:6.2f} s {found.memory / 2**20:7.0f} MiB  {found.line[:150]}",
                flush=True,
            )
