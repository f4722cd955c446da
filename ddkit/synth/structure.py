"""What the file of a set may be made of, held against it before anything of it is read.

A file of a few kilobytes can claim exabytes, point at other files, or be its own child. Here it is refused for what its
structure says, which costs nothing. `ddkit.synth.endless` has found before that HDF5 can walk through it.
"""

import math
import zlib
from collections.abc import Iterator
from typing import Any

import h5py
from h5py import h5a, h5d, h5o, h5t, h5z

from ddkit.synth.checks import shown

MOST_MEMBERS = 64
"""Datasets, groups and attributes that stand in one place."""

MOST_ATTRIBUTE = 2**16
"""Bytes of an attribute that is not one text; a text takes no more than its file."""

FREE, MOST_TIMES = 2**26, 256
"""Bytes that any set may take in memory, and how many more for each byte of its file. Pictures of two colours are
compressed a hundredfold."""

WHOLE_NUMBER = 32
"""Bytes of memory counted for each integer, since checking makes wider copies."""

_FILTERS = (h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE, h5z.FILTER_FLETCHER32)
"""What may pack a dataset, in the order in which it does."""

_CHECKSUM = 4
"""Bytes that fletcher32 adds to a chunk."""

_SMALL = 2**17
"""Bytes of a chunk that cannot inflate beyond 130 MiB: zlib's best is 1,032 to 1."""

_PLAIN = (h5t.INTEGER, h5t.FLOAT)


def refuse_odd_structure(file: h5py.File) -> None:
    """Raise unless the file holds plain numbers and attributes, each once and all of them its own.

    Raises:
        ValueError: links, data in other files, an object in two places, other types than numbers, absurd sizes.
    """
    seen: set[int] = set()
    open_groups = [("", h5py.Group(file.id))]
    while open_groups:
        where, group = open_groups.pop()
        _refuse_odd_attributes(where, group)
        for name, member in _members(where, group, seen):
            if isinstance(member, h5py.Group):
                open_groups.append((name, member))
            else:
                _refuse_odd_dataset(name, member)


def refuse_bombs(file: h5py.File) -> None:
    """Raise ValueError if the numbers would take more bytes than a file of this size can stand for."""
    tables = list(_tables(file, ""))
    counts = [(math.prod(table.shape or ()), table.dtype) for _, table in tables]  # h5py's own product can overflow
    refuse_claim(file, sum(n * (dtype.itemsize if dtype.kind == "f" else WHOLE_NUMBER) for n, dtype in counts))
    for name, table in tables:
        _refuse_large_chunks(name, table)


def refuse_claim(file: h5py.File, wanted: int) -> None:
    """Raise ValueError if what is wanted of a file, in bytes of memory, is more than its size can stand for."""
    size = file.id.get_filesize()
    if wanted > FREE + MOST_TIMES * size:
        raise ValueError(f"its {size:,} bytes claim to be numbers of {wanted:,} bytes")


def _tables(group: h5py.Group, where: str) -> Iterator[tuple[str, h5py.Dataset]]:
    """All datasets, by their path."""
    for name, member in group.items():
        if isinstance(member, h5py.Group):
            yield from _tables(member, f"{where}{name}/")
        else:
            yield f"{where}{name}", member


def _members(where: str, group: h5py.Group, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Names and objects of a group, none of which was seen before."""
    if len(group) > MOST_MEMBERS:
        raise ValueError(f"it holds {len(group):,} parts in one place, over {MOST_MEMBERS}")
    for name in group:
        path = f"{where}/{name}".strip("/")
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"its {shown(path)} lies elsewhere, behind a {type(link).__name__}")
        found = h5o.get_info(group.id, name.encode("utf-8", "surrogateescape"))
        if found.addr in seen or found.addr == h5o.get_info(group.file.id).addr:
            raise ValueError(f"its {shown(path)} stands there twice")
        seen.add(found.addr)
        member = group[name]
        if not isinstance(member, (h5py.Group, h5py.Dataset)):
            raise ValueError(f"its {shown(path)} is neither dataset nor group")
        yield path, member


def _refuse_odd_dataset(name: str, table: h5py.Dataset) -> None:
    plan, kind, shape = table.id.get_create_plist(), table.id.get_type(), table.shape or ()
    if kind.get_class() not in _PLAIN or kind.get_size() > 8:
        raise ValueError(f"its '{name}' holds no plain numbers")
    if plan.get_layout() == h5d.VIRTUAL or plan.get_external_count():
        raise ValueError(f"the numbers of its '{name}' lie in other files")
    if plan.get_layout() == h5d.CHUNKED:
        chunk, whole = math.prod(plan.get_chunk()), math.prod(shape)
        if chunk > max(whole, MOST_ATTRIBUTE):
            raise ValueError(f"its '{name}' has {whole:,} numbers in chunks of {chunk:,}")
        filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
        if filters != [known for known in _FILTERS if known in filters]:
            raise ValueError(f"its '{name}' is not packed as sets are, by shuffle, gzip and fletcher32")


def _refuse_large_chunks(name: str, table: h5py.Dataset) -> None:
    """Raise if a chunk has more bytes than its numbers, in the file or once inflated: HDF5 would inflate all of them
    before it looks. Small ones cannot become large."""
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
    """Whether a stream of zlib's gives more bytes than that; it is followed without being kept."""
    stream, given = zlib.decompressobj(), 0
    while content and not stream.eof and given <= most:
        given += len(stream.decompress(content, _SMALL))
        content = stream.unconsumed_tail
    return given > most


def _refuse_odd_attributes(where: str, group: h5py.Group) -> None:
    count = h5a.get_num_attrs(group.id)
    if count > MOST_MEMBERS:
        raise ValueError(f"it holds {count:,} attributes in one place, over {MOST_MEMBERS}")
    for index in range(count):
        attribute = h5a.open(group.id, index=index)
        name, kind, shape = attribute.name.decode("utf-8", "replace"), attribute.get_type(), attribute.shape or ()
        if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
            if shape:
                raise ValueError(f"its attribute {shown(name)} is not one text but {list(shape)}")
        elif kind.get_class() not in (*_PLAIN, h5t.STRING, h5t.ENUM):
            raise ValueError(f"its attribute {shown(name)} is neither text nor number")
        elif kind.get_size() * math.prod(shape) > MOST_ATTRIBUTE:
            raise ValueError(f"its attribute {shown(name)} is larger than {MOST_ATTRIBUTE:,} bytes")
