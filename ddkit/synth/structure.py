"""Checks of the structure of a set's file, before any of its data is read.

A file of a few kilobytes can claim exabytes, refer to other files, or contain itself. Reading the structure is cheap,
so such files are refused by their structure. `ddkit.synth.cycles` has checked before that the structure has no cycles.
"""

import math
import zlib
from collections.abc import Iterator
from typing import Any

import h5py
from h5py import h5a, h5d, h5o, h5t, h5z

from ddkit.synth.checks import shown

MAX_MEMBERS = 64
"""Largest number of members of a group, and of attributes of an object."""

MAX_ATTRIBUTE_BYTES = 2**16
"""Largest size of an attribute that is not a text. A text is never larger than the file."""

BASE, TIMES_FILE = 2**26, 256
"""A set may use BASE bytes of memory, plus TIMES_FILE bytes for each byte of its file. (Images of two colours are
compressed by a factor of a hundred.)"""

WHOLE_NUMBER = 32
"""Bytes of memory counted for each integer, since the checks make wider copies."""

_FILTERS = (h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE, h5z.FILTER_FLETCHER32)
"""Filters that a dataset may have, in their order."""

_CHECKSUM = 4
"""Bytes that fletcher32 appends to a chunk."""

_SMALL = 2**17
"""Size of a chunk that cannot inflate beyond 130 MiB, since zlib compresses by at most 1,032 to 1."""

_PLAIN = (h5t.INTEGER, h5t.FLOAT)


def refuse_unexpected_structure(file: h5py.File) -> None:
    """Check that the file has only groups, datasets of plain numbers, and attributes, each of them once.

    Raises:
        ValueError: the file has links, data in other files, an object with two names, a dataset of another type, or an
            implausible size.
    """
    seen: set[int] = set()
    open_groups = [("", h5py.Group(file.id))]
    while open_groups:
        where, group = open_groups.pop()
        _refuse_unexpected_attributes(where, group)
        for name, member in _members(where, group, seen):
            if isinstance(member, h5py.Group):
                open_groups.append((name, member))
            else:
                _refuse_unexpected_dataset(name, member)


def refuse_inflated_sizes(file: h5py.File) -> None:
    """Raise ValueError if the datasets would need more memory than a file of this size justifies."""
    tables = list(_tables(file, ""))
    counts = [(math.prod(table.shape or ()), table.dtype) for _, table in tables]  # h5py's own product can overflow
    refuse_claim(file, sum(n * (dtype.itemsize if dtype.kind == "f" else WHOLE_NUMBER) for n, dtype in counts))
    for name, table in tables:
        _refuse_large_chunks(name, table)


def refuse_claim(file: h5py.File, wanted: int) -> None:
    """Raise ValueError if `wanted` bytes of memory are more than the size of the file justifies."""
    size = file.id.get_filesize()
    if wanted > BASE + TIMES_FILE * size:
        raise ValueError(f"its {size:,} bytes claim to be numbers of {wanted:,} bytes")


def _tables(group: h5py.Group, where: str) -> Iterator[tuple[str, h5py.Dataset]]:
    """Give all datasets with their paths."""
    for name, member in group.items():
        if isinstance(member, h5py.Group):
            yield from _tables(member, f"{where}{name}/")
        else:
            yield f"{where}{name}", member


def _members(where: str, group: h5py.Group, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Give paths and members of a group; raise ValueError for a link, or for a member that was `seen` before."""
    if len(group) > MAX_MEMBERS:
        raise ValueError(f"it has {len(group):,} parts in one group, over {MAX_MEMBERS}")
    for name in group:
        path = f"{where}/{name}".strip("/")
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"its {shown(path)} is stored elsewhere, behind a {type(link).__name__}")
        found = h5o.get_info(group.id, name.encode("utf-8", "surrogateescape"))
        if found.addr in seen or found.addr == h5o.get_info(group.file.id).addr:
            raise ValueError(f"its {shown(path)} occurs twice")
        seen.add(found.addr)
        member = group[name]
        if not isinstance(member, (h5py.Group, h5py.Dataset)):
            raise ValueError(f"its {shown(path)} is neither dataset nor group")
        yield path, member


def _refuse_unexpected_dataset(name: str, table: h5py.Dataset) -> None:
    plan, kind, shape = table.id.get_create_plist(), table.id.get_type(), table.shape or ()
    if kind.get_class() not in _PLAIN or kind.get_size() > 8:
        raise ValueError(f"its '{name}' has no plain numbers")
    if plan.get_layout() == h5d.VIRTUAL or plan.get_external_count():
        raise ValueError(f"the numbers of its '{name}' are in other files")
    if plan.get_layout() == h5d.CHUNKED:
        chunk, whole = math.prod(plan.get_chunk()), math.prod(shape)
        if chunk > max(whole, MAX_ATTRIBUTE_BYTES):
            raise ValueError(f"its '{name}' has {whole:,} numbers in chunks of {chunk:,}")
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        if filters != [known for known in _FILTERS if known in filters]:
            raise ValueError(f"its '{name}' is not compressed as in sets, by shuffle, gzip and fletcher32")


def _refuse_large_chunks(name: str, table: h5py.Dataset) -> None:
    """Raise ValueError if a chunk has more bytes than its numbers, in the file or after inflation.

    HDF5 would inflate a whole chunk before it checks its size. Chunks below _SMALL are not inflated here.
    """
    plan = table.id.get_create_plist()
    if plan.get_layout() != h5d.CHUNKED:
        return
    packed = plan.get_filter_by_id(h5z.FILTER_DEFLATE) is not None
    most = math.prod(plan.get_chunk()) * table.dtype.itemsize + _CHECKSUM
    stored: list[tuple[tuple[int, ...], int]] = []
    table.id.chunk_iter(lambda chunk: stored.append((chunk.chunk_offset, chunk.size)))
    for place, size in stored:
        if size > most + most // 100 + _SMALL // 1000:
            raise ValueError(f"its '{name}' has a chunk of {size:,} bytes where {most:,} would do")
        if packed and size > _SMALL and _inflates_beyond(table.id.read_direct_chunk(place)[1], most):
            raise ValueError(f"its '{name}' has a chunk that inflates beyond {most:,} bytes")


def _inflates_beyond(content: bytes, most: int) -> bool:
    """Return whether a zlib stream inflates to more than `most` bytes, without keeping these bytes."""
    stream, given = zlib.decompressobj(), 0
    while content and not stream.eof and given <= most:
        given += len(stream.decompress(content, _SMALL))
        content = stream.unconsumed_tail
    return given > most


def _refuse_unexpected_attributes(where: str, group: h5py.Group) -> None:
    count = h5a.get_num_attrs(group.id)
    if count > MAX_MEMBERS:
        raise ValueError(f"it has {count:,} attributes on one object, over {MAX_MEMBERS}")
    for index in range(count):
        attribute = h5a.open(group.id, index=index)
        name, kind, shape = attribute.name.decode("utf-8", "replace"), attribute.get_type(), attribute.shape or ()
        if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
            if shape:
                raise ValueError(f"its attribute {shown(name)} is not one text but {list(shape)}")
        elif kind.get_class() not in (*_PLAIN, h5t.STRING, h5t.ENUM):
            raise ValueError(f"its attribute {shown(name)} is neither text nor number")
        elif kind.get_size() * math.prod(shape) > MAX_ATTRIBUTE_BYTES:
            raise ValueError(f"its attribute {shown(name)} is larger than {MAX_ATTRIBUTE_BYTES:,} bytes")
