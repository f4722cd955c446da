"""BibTeX of the methods of sets."""

import dataclasses
import re
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import DataError, UsageError, nearest
from ddkit.jobs.sets.origin import settings_of
from ddkit.methods import method_class
from ddkit.methods.table import method_homes
from ddkit.publish import bibtex, papers_of
from ddkit.publish.citations import ELSEWHERE
from ddkit.synth import GraphSet, SyntheticSet, load


@checked
def cite(*sources: SyntheticSet | GraphSet | str | Path) -> str:
    """Return the BibTeX entries of the papers behind sets and methods, each entry once.

    The papers of a method are its own and those of the pieces that are on by default. The papers of a set are those of
    its method and of all pieces that its recipe switches on. A comment, which BibTeX skips, names the papers of each.

    Args:
        sources: names of methods, or sets: in memory, files, run folders or names of ready-made sets.

    Example:
        >>> print(cite("dm"))
        % dm: zhao2023distribution
        <BLANKLINE>
        @inproceedings{zhao2023distribution,
          title = {Dataset Condensation with Distribution Matching},
          author = {Zhao, B. and Bilen, H.},
          booktitle = {WACV},
          year = {2023}
        }

    Raises:
        UsageError: there is no source.
        DataError: a source is neither a method nor a set.
    """
    if not sources:
        raise UsageError("cite: needs a method or a set, as in cite('ftd')")
    found = [(source, _papers(source)) for source in sources]
    comments = [f"% {_named(source)}: {_comment(keys)}" for source, keys in found]
    keys = tuple(dict.fromkeys(key for _, own in found for key in own or ()))
    return "\n".join(comments) + (f"\n\n{bibtex(keys)}" if keys else "")


def _papers(source: SyntheticSet | GraphSet | str | Path) -> tuple[str, ...] | None:
    if isinstance(source, str) and source in method_homes():
        settings = method_class(source).settings_class
        defaults = {field.name: field.default for field in dataclasses.fields(settings)}
        experts = getattr(settings, "expert_kind", None)
        return papers_of(source, {"method": defaults, "experts": {"name": experts}})
    if isinstance(source, str) and source in ELSEWHERE:
        return papers_of(source, {})
    made = source if isinstance(source, SyntheticSet | GraphSet) else _loaded(source)
    return papers_of(made.facts.method, settings_of(made))


def _loaded(source: str | Path) -> SyntheticSet | GraphSet:
    try:
        return load(source)
    except DataError as error:
        if not re.fullmatch(r"[\w-]+", str(source)) or Path(source).exists():
            raise
        raise DataError(f"{error}; as a method: {nearest(str(source), method_homes(), 'ddkit methods ls')}") from None


def _named(source: SyntheticSet | GraphSet | str | Path) -> str:
    return f"a set of {source.facts.dataset}" if isinstance(source, SyntheticSet | GraphSet) else str(source)


def _comment(keys: tuple[str, ...] | None) -> str:
    if keys is None:
        return "its papers are not known to ddkit"
    return ", ".join(keys) or "no paper"
