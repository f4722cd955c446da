"""The report of a run or of a comparison, from the files of its folder."""

from contextlib import nullcontext
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import DataError
from ddkit.jobs.reports import COMPARISON, REPORT, comparison_page, run_page
from ddkit.report import write_page
from ddkit.run import Meter, RunFolder, refuse_no_file


@checked
def report(source: str | Path, out: str | Path | None = None, meter: Meter | None = None) -> Path:
    """Write the report of a run or a comparison as one HTML file, and return its path.

    The page needs no network and no other file. Of a run that failed, was killed or still runs, it shows what there is.

    Args:
        source: the folder of a run or of a comparison.
        out: the file; default `report.html` in the folder.
        meter: progress over the sets of a comparison; default silent.

    Example:
        >>> report("runs/ftd-digits-ipc1-seed0")
        PosixPath('runs/ftd-digits-ipc1-seed0/report.html')

    Raises:
        DataError: there is no such folder, it holds neither, or the file cannot be written.
        InUseError: the run still writes its folder, and `out` is not given.
    """
    path = Path(source)
    folder, is_run = RunFolder(path), RunFolder(path).recipe.is_file()
    if not is_run and not (path / COMPARISON).is_file() and not any(path.glob("*/recipe.toml")):
        found = (
            "holds no run and no comparison" if path.is_dir() else "is a file" if path.exists() else "does not exist"
        )
        raise DataError(f"folder '{path}': {found}; name the folder that ddkit condense or ddkit compare wrote (--out)")
    target = Path(out) if out is not None else path / REPORT
    refuse_no_file(target)
    with folder.locked() if is_run and out is None else nullcontext():
        write_page(run_page(folder) if is_run else comparison_page(path, meter), target)
    return target
