"""Detects cycles in the file of a set. HDF5 would follow them forever, or until the process crashes.

HDF5 follows references between texts, free space and indices without checking whether it was there before. All of these
begin with a signature, so this module finds them in the bytes of the file before HDF5 opens it. Other bytes that look
like a signature do no harm, because they do not refer to another signature.

Only HDF5's first format (superblock 0), which ddkit writes, is supported. Indices of later formats are refused.
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
"""Signatures of the indices of later formats, and the bytes after a signature that exclude chance matches."""

_LAYOUT = re.compile(rb"\x03\x02(?=([\x02-\x21])(.{8}))", re.DOTALL)
"""Version 3 of a dataset's layout: the number of dimensions of its chunks, and the address of their tree."""

_EARLIER_LAYOUT = re.compile(rb"[\1\2](?=([\x02-\x21])\x02.{5}(.{8}))", re.DOTALL)
"""The same in versions 1 and 2."""

_SMALLEST = 16
"""Smallest size in bytes of a text, a piece of free space, or a child in a tree."""


_SMALLEST_NODE = 256
"""Smallest size in bytes of a node of a tree; HDF5 reserves room for 32 children."""


def refuse_cycles(raw: BinaryIO) -> None:
    """Raise ValueError if HDF5 would follow a cycle, or more references than a file of this size can have."""
    with mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as content:
        begin = 0 if content[: len(HDF5)] == HDF5 else HEAD
        if content[begin + 8 : begin + 9] != b"\0":
            raise ValueError("it does not have the version of HDF5's format that sets have")
        if content[begin + 13 : begin + 15] != b"\x08\x08":
            raise ValueError("its addresses and sizes do not have 8 bytes, as those of sets have")
        for signature, more in _LATER.items():
            if any(re.match(more, content[place + 5 : place + 7], re.DOTALL) for place in _found(content, signature)):
                raise ValueError("its parts or attributes are in an index that no set needs")
        steps = _Steps(len(content) // _SMALLEST)
        _refuse_cycles_in_texts(content, steps)
        _refuse_cycles_in_free_space(content, begin, steps)
        _refuse_cycles_in_trees(content, begin, steps)


@dataclass
class _Steps:
    """A limit on the steps of all walks together. The file's size limits how many parts it has, if none overlap."""

    left: int

    def count(self) -> None:
        """Count one step.

        Raises:
            ValueError: the limit is exceeded.
        """
        self.left -= 1
        if self.left < 0:
            raise ValueError("its parts refer to each other without end")


def _found(content: mmap.mmap, signature: bytes) -> Iterator[int]:
    """Give all positions of a signature."""
    place = content.find(signature)
    while place >= 0:
        yield place
        place = content.find(signature, place + 1)


def _refuse_cycles_in_texts(content: mmap.mmap, steps: _Steps) -> None:
    """Walk through each heap of texts as HDF5 does, and check that every size stays inside the heap.

    A heap is `GCOL`, version 1, three bytes, its size, then texts. Each text is a number (0: free space), six bytes,
    its size, and its characters, padded to a multiple of eight bytes.
    """
    for begin in _found(content, b"GCOL\x01"):
        end, place = begin + int.from_bytes(content[begin + 8 : begin + 16], "little"), begin + 16
        while place + 16 <= end <= len(content):
            steps.count()
            number, size = content[place : place + 2], int.from_bytes(content[place + 8 : place + 16], "little")
            step = size if number == b"\0\0" else 16 + -(-size // 8) * 8
            if not 16 <= step <= end - place:
                raise ValueError("its texts have sizes that do not fit their heap")
            place += step


def _refuse_cycles_in_free_space(content: mmap.mmap, base: int, steps: _Steps) -> None:
    """Walk through the free space of each group's heap of names. Each piece begins with the address of the next.

    A heap is `HEAP`, version 0, three bytes, its size, the address of its first piece, and the address of its data.
    """
    for begin in _found(content, b"HEAP\0"):
        if begin + 32 <= len(content):
            _, piece, data = unpack_from("<3Q", content, begin + 8)
            while (place := base + data + piece) + 16 <= len(content) and piece != 1:  # 1: there is no further one
                steps.count()
                (piece,) = unpack_from("<Q", content, place)


@dataclass(frozen=True)
class _Node:
    """A node of a tree of symbols (kind 0) or chunks (kind 1), level 0 at the leaves."""

    kind: int
    level: int
    children: int
    right: int


def _refuse_cycles_in_trees(content: mmap.mmap, base: int, steps: _Steps) -> None:
    """Walk through each tree as HDF5 does: downwards, and to the right within a level.

    A node is `TREE`, kind, level, its number of children (2 bytes), its left and right neighbours (8 bytes each), then
    a key before each child and one after the last. A key has 8 bytes for symbols. For chunks it has 8 bytes, and 8 more
    for each dimension of the chunks; only the dataset's layout gives the number of dimensions.
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
            steps.count()
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
