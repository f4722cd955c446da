"""BibTeX of the methods of sets."""

import dataclasses

from ddkit.arguments import checked
from ddkit.jobs.sets.origin import settings_of
from ddkit.methods import method_class
from ddkit.methods.table import method_homes
from ddkit.publish import bibtex, papers_of
from ddkit.publish.citations import ELSEWHERE
from ddkit.synth import load


@checked
def cite(*sources: str) -> str:
    """Return the BibTeX entries of the papers behind sets and methods, each entry once.

    The papers of a method are its own and those of the pieces that are on by default. The papers of a set are those of
    its method and of all pieces that its recipe switches on. A comment, which BibTeX skips, names the papers of each.

    Args:
        sources: names of methods, or sets: files, run folders or names of ready-made sets.

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
        DataError: a source is neither a method nor a set.
    """
    found = {source: _papers(source) for source in sources}
    comments = [f"% {source}: {_comment(keys)}" for source, keys in found.items()]
    keys = tuple(dict.fromkeys(key for own in found.values() for key in own or ()))
    return "\n".join(comments) + (f"\n\n{bibtex(keys)}" if keys else "")


def _papers(source: str) -> tuple[str, ...] | None:
    if source in method_homes():
        settings = method_class(source).settings_class
        defaults = {field.name: field.default for field in dataclasses.fields(settings)}
        experts = getattr(settings, "expert_kind", None)
        return papers_of(source, {"method": defaults, "experts": {"name": experts}})
    if source in ELSEWHERE:
        return papers_of(source, {})
    made = load(source)
    return papers_of(made.facts.method, settings_of(made))


def _comment(keys: tuple[str, ...] | None) -> str:
    if keys is None:
        return "its papers are not known to ddkit"
    return ", ".join(keys) or "no paper"
