"""Circles in the file of a set, which HDF5 would follow for ever, or until the process crashes.

HDF5 reads texts, free space and indices from place to place, and does not look whether it was there before. All of them
begin with a signature, so they are found in the bytes of the file before HDF5 sees it. Where bytes of something else
look like a signature, what follows leads to no other one.

Only what ddkit writes is looked into: HDF5's first format (superblock 0). Indices of later formats are refused.
"""

import graphlib
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack_from
from typing import BinaryIO

from ddkit.run import HDF5, HEAD

_LATER = {b"BTHD\0": b"[\0-\x0b]", b"FRHP\0": b".[\0-\x10]", b"FAHD\0": b"[\0\1]", b"EAHD\0": b"[\0\1]"}
"""Signatures of the indices of later formats, and what else tells them from chance."""

_LAYOUT = re.compile(rb"\x03\x02(?=([\x02-\x21])(.{8}))", re.DOTALL)
"""Where version 3 of a dataset's layout says how many dimensions its chunks have, and where their tree begins."""

_EARLIER_LAYOUT = re.compile(rb"[\1\2](?=([\x02-\x21])\x02.{5}(.{8}))", re.DOTALL)
"""The same in versions 1 and 2."""

_SMALLEST = 16
"""Bytes that a text, a piece of free space and a child in a tree each take at least."""


_SMALLEST_NODE = 256
"""Bytes that a node of a tree takes at least; HDF5 keeps room for 32 children."""


def refuse_endless(raw: BinaryIO) -> None:
    """Raise ValueError where HDF5 would go round in circles, or through more places than the file can hold."""
    with mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as content:
        begin = 0 if content[: len(HDF5)] == HDF5 else HEAD
        if content[begin + 8 : begin + 9] != b"\0":
            raise ValueError("it has not the version of HDF5's format that sets have")
        if content[begin + 13 : begin + 15] != b"\x08\x08":
            raise ValueError("its places and sizes do not take 8 bytes, as those of sets do")
        for signature, more in _LATER.items():
            if any(re.match(more, content[place + 5 : place + 7], re.DOTALL) for place in _found(content, signature)):
                raise ValueError("its parts or attributes lie in an index that no set needs")
        steps = _Steps(len(content) // _SMALLEST)
        _refuse_endless_texts(content, steps)
        _refuse_endless_space(content, begin, steps)
        _refuse_endless_trees(content, begin, steps)


@dataclass
class _Steps:
    """Steps that are left to all walks together: things that do not overlap cannot be more than a file has room for."""

    left: int

    def take(self) -> None:
        """Count one.

        Raises:
            ValueError: none was left.
        """
        self.left -= 1
        if self.left < 0:
            raise ValueError("its parts lead from place to place without end")


def _found(content: mmap.mmap, signature: bytes) -> Iterator[int]:
    """Where a signature stands."""
    place = content.find(signature)
    while place >= 0:
        yield place
        place = content.find(signature, place + 1)


def _refuse_endless_texts(content: mmap.mmap, steps: _Steps) -> None:
    """HDF5 walks from text to text through a heap by their sizes, and does not look whether a size leads out of the
    heap or nowhere.

    A heap is `GCOL`, version 1, three bytes, its own size, then texts, each a number (0: free space), six bytes, its
    size, and itself, filled up to eight bytes.
    """
    for begin in _found(content, b"GCOL\x01"):
        end, place = begin + int.from_bytes(content[begin + 8 : begin + 16], "little"), begin + 16
        while place + 16 <= end <= len(content):
            steps.take()
            number, size = content[place : place + 2], int.from_bytes(content[place + 8 : place + 16], "little")
            step = size if number == b"\0\0" else 16 + -(-size // 8) * 8
            if not 16 <= step <= end - place:
                raise ValueError("its texts have sizes that lead nowhere")
            place += step


def _refuse_endless_space(content: mmap.mmap, base: int, steps: _Steps) -> None:
    """A group's heap of names lists its free space: each piece begins with the place of the next.

    A heap is `HEAP`, version 0, three bytes, its size, the place of the first piece in it, and where it lies.
    """
    for begin in _found(content, b"HEAP\0"):
        if begin + 32 <= len(content):
            _, piece, data = unpack_from("<3Q", content, begin + 8)
            while (place := base + data + piece) + 16 <= len(content) and piece != 1:  # 1: there is no further one
                steps.take()
                (piece,) = unpack_from("<Q", content, place)


@dataclass(frozen=True)
class _Node:
    """A node of a tree of symbols (kind 0) or chunks (kind 1), level 0 at the leaves."""

    kind: int
    level: int
    children: int
    right: int


def _refuse_endless_trees(content: mmap.mmap, base: int, steps: _Steps) -> None:
    """HDF5 walks a tree downwards, and a level of it to the right.

    A node is `TREE`, kind, level, its number of children (2 bytes), its left and right neighbours (8 bytes each), then
    a key before each child and one after the last. A key takes 8 bytes for symbols; for chunks 8, and 8 for each of
    their dimensions, of which only the dataset knows the number.
    """
    nodes = {}
    for place in _found(content, b"TREE"):
        if place + 24 <= len(content):
            kind, level, children, right = unpack_from("<BBH8xQ", content, place + 4)
            nodes[place] = _Node(kind, level, children, base + right)
        if len(nodes) > len(content) // _SMALLEST_NODE:
            raise ValueError("its trees have more nodes than it has room for")
    waiting = {(place, 8) for place, node in nodes.items() if node.kind == 0}
    if any(node.kind == 1 and node.level for node in nodes.values()):
        for layout in (*_LAYOUT.finditer(content), *_EARLIER_LAYOUT.finditer(content)):
            root = base + int.from_bytes(layout[2], "little")
            if root in nodes:
                waiting.add((root, 8 + 8 * layout[1][0]))
    seen: set[int] = set()
    while waiting:
        place, key = waiting.pop()
        node, first = nodes[place], place + 24 + key
        end = min(first + node.children * (key + 8), len(content) - 7) if node.level else first
        for child in range(first, end, key + 8):
            steps.take()
            below = base + unpack_from("<Q", content, child)[0]
            if below in nodes:
                if below in seen or (nodes[below].kind, nodes[below].level) != (node.kind, node.level - 1):
                    raise ValueError("its trees lead back to where they come from")
                seen.add(below)
                if node.kind:
                    waiting.add((below, key))
    try:
        graphlib.TopologicalSorter({place: [node.right] for place, node in nodes.items()}).prepare()
    except graphlib.CycleError:
        raise ValueError("its trees lead back to where they come from") from None
