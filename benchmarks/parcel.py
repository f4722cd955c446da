"""Parcels: tar files of bounded size that carry the work folder from one rented machine to the next."""

import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

LIMIT = 15 * 2**20
"""Bytes of files in one parcel."""

PACKED = ("begun/*", "runs/**/*", "home*/teachers/*", "home*/buffers/**/*")
"""Patterns of files to pack, in this order, while there is room. Run folders are small and hold the most work."""


def pack(work: Path, out: Path, mib: int) -> Iterator[str]:
    """Write OUT/parcel-K.tar, at most `mib` MiB together. Yields lines that list their content."""
    left, number, batch, size, omitted = mib * 2**20, 0, list[Path](), 0, 0
    for file in _files(work):
        bytes_ = file.stat().st_size
        if bytes_ > min(LIMIT, left):
            omitted += 1
            continue
        if size + bytes_ > LIMIT:
            yield _write(work, out / f"parcel-{number}.tar", batch)
            number, batch, size = number + 1, [], 0
        batch.append(file)
        size, left = size + bytes_, left - bytes_
    if batch:
        yield _write(work, out / f"parcel-{number}.tar", batch)
    if omitted:
        yield f"{omitted} files are in no parcel: there is no room for them, or they are larger than {LIMIT >> 20} MiB"


def take(parcels: Iterable[Path], work: Path) -> None:
    """Unpack parcels into a work folder."""
    work.mkdir(parents=True, exist_ok=True)
    for parcel in parcels:
        with tarfile.open(parcel) as tar:
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11 has it from 3.11.4 on
            tar.extractall(work)


def _files(work: Path) -> Iterator[Path]:
    for pattern in PACKED:
        yield from sorted(file for file in work.glob(pattern) if file.is_file())


def _write(work: Path, parcel: Path, files: Sequence[Path]) -> str:
    with tarfile.open(parcel, "w") as tar:
        for file in files:
            tar.add(file, file.relative_to(work))
    return f"{parcel.name}: {len(files)} files, {parcel.stat().st_size / 2**20:.1f} MiB"
