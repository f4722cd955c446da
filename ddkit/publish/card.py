"""The parts of a card that sets of images and of graphs share. A card is a page in Markdown about one set.

A card states what the set's file records, and nothing else: it opens no data and measures nothing.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ddkit.markdown import table
from ddkit.publish.citations import bibtex
from ddkit.publish.licences import Licence
from ddkit.synth import Record, SetFacts, packed_rival

FOLDER = re.compile(r"(?<=[\"':])(?:/(?!/)|[A-Za-z]:[\\/])[^\"';\n]*[\\/]")
"""The folders of an absolute path in a recipe, which a card leaves out."""

_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)
"""Errors for scores of another form."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the reader of a card finds the set.

    Attributes:
        name: of the set, which is the title of the card.
        loading: (what the code needs, the code), shortest first.
        picture: file beside the card.
        command: what makes the set again.
        evaluate: what measures its score.
    """

    name: str
    loading: Sequence[tuple[str, str]]
    picture: str
    command: str
    evaluate: str


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What jobs find out about a set for its card: the licence of its real data, and the keys of its papers.

    `papers` is None if the papers of its method are not known.
    """

    licence: Licence
    papers: tuple[str, ...] | None


def card(
    source: Source,
    origin: Origin,
    record: Record,
    *,
    about: str,
    facts: Mapping[str, str],
    training: Sequence[str],
    limits: Sequence[str],
) -> str:
    """Return the page.

    Args:
        source: where the reader finds the set.
        origin: its licence and papers.
        record: the set's recipe, environment, lineage and scores.
        about: one or two sentences about what the set is.
        facts: name -> value.
        training: sentences on how to train on the set.
        limits: sentences on what the set is not.
    """
    parts = [
        f"# {source.name}",
        about,
        f"![{source.name}]({source.picture})",
        "## How to load it",
        *(f"{needs}:\n\n```python\n{code}\n```" for needs, code in source.loading),
        "## Facts",
        table(("fact", "value"), facts.items()),
        "## How it was made",
        *_making(source, record),
        "## How to train on it",
        _bullets(training),
        "## Scores",
        *_scores(source, record),
        "## Limits",
        _bullets(limits),
        "## Licence of the data",
        _licence(origin.licence),
        "## Citation",
        _citation(origin.papers),
    ]
    return "\n\n".join(parts) + "\n"


def _making(source: Source, record: Record) -> list[str]:
    if not record.recipe.strip():
        return ["The file records no recipe: ddkit did not make this set, or it was made from Python."]
    if isinstance(release := json.loads(record.lineage).get("release"), dict):
        return _import(release)
    environment = json.loads(record.environment)
    hardware = ("device", "processor", "machine", "cores", "threads", "ranks", "system")
    versions = {name: value for name, value in environment.items() if name not in hardware}
    machine = {name: environment[name] for name in hardware if name in environment}
    lines = [
        f"- `{source.command}`",
        f"- versions: {_pairs(versions) or 'not recorded'}",
        f"- hardware: {_pairs(machine) or 'not recorded'}",
    ]
    digests = {name: value for name, value in json.loads(record.lineage).items() if isinstance(value, str) and value}
    if digests:
        lines.append(f"- digests: {_pairs(digests)}")
    recipe = FOLDER.sub("", record.recipe).strip()
    return ["\n".join(lines), f"<details><summary>The recipe</summary>\n\n```toml\n{recipe}\n```\n\n</details>"]


def _import(release: Mapping[str, Any]) -> list[str]:
    """The origin of a set that others released, from its lineage (see `ddkit.jobs.imports.lineage`)."""
    files, notes = release.get("files"), release.get("notes")
    digests = [f"file {name}, SHA-256 {digest}" for name, digest in files.items()] if isinstance(files, dict) else []
    said = [str(note) for note in notes] if isinstance(notes, list) else []
    return ["Others made and released this set. `ddkit import` read it:", _bullets((*digests, *said))]


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _scores(source: Source, record: Record) -> list[str]:
    try:
        return _score_parts(json.loads(record.scores)) or [
            f"Not measured. `{source.evaluate}` trains networks on the set and on real data of the same size."
        ]
    except _UNREADABLE:
        return ["The file has scores in a format that this version of ddkit does not read."]


def _score_parts(found: Mapping[str, Any]) -> list[str]:
    if not (rows := found.get("scores")):
        return []
    protocol = found.get("protocol", "honest")
    about = f"Measured under protocol `{protocol}`, network `{found['net']}`." if "net" in found else ""
    if protocol != "honest":
        about += f" `ddkit protocols show {protocol}` says what this protocol selects on the test part."
    notes = [str(note) for note in found.get("notes", ())]
    scores = _graph_scores(rows) if "gnn" in rows[0] else _image_scores(rows)
    return [part for part in (about, scores, _bullets(notes)) if part]


def _image_scores(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        (
            row["name"],
            f"{row['images']:,}",
            percent(row["mean"], row["interval95"]),
            f"{len(row['accuracies'])}" if row["lr"] is not None else "",
            f"{row['lr']:g}" if row["lr"] is not None else "",
        )
        for row in rows
    ]
    return table(("trained on", "images", "accuracy %", "networks", "learning rate"), lines)


def _graph_scores(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        (row["name"], row["gnn"], f"{row['size']:,}", percent(*row["auc"]), percent(*row["accuracy"])) for row in rows
    ]
    return table(("trained on", "network", "bytes", "AUC %", "accuracy %"), lines)


def percent(mean: float, interval: float | None) -> str:
    """A fraction and half the width of its 95 % interval, in percent."""
    return f"{100 * mean:.1f}" + ("" if interval is None or math.isnan(interval) else f" ± {100 * interval:.1f}")


def main_score(record: Record, facts: SetFacts) -> str:
    """A sentence with the score of a set of images beside that of random real images; "" if it is not measured.

    The random images are packed as the set's are.
    """
    title, k = facts.title, facts.formation
    packed = f", packed {k}x{k}" if k else ""
    try:
        means = {row["name"]: 100 * row["mean"] for row in json.loads(record.scores).get("scores", ())}
    except _UNREADABLE:
        return ""
    if title not in means:
        return ""
    beside = ""
    for name, more in (("random-real, same labels", ", labelled by the same teachers"), ("random-real", "")):
        if (row := packed_rival(name, k)) in means:
            beside = f"; with random real images of the same budget{packed}{more}: {means[row]:.1f} %"
            break
    return f"Networks trained on it reach {means[title]:.1f} % test accuracy{beside}."


def _licence(licence: Licence) -> str:
    if licence.declared:
        return f"The set is derived from the real data, whose licence is: {licence.text}."
    return "The set is derived from the real data, whose licence ddkit does not know. State it here before you publish."


def _citation(papers: tuple[str, ...] | None) -> str:
    if papers is None:
        return "The papers of this method are not known to ddkit; its authors' page names them."
    return f"```bibtex\n{bibtex(papers)}\n```" if papers else "The method has no paper."


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
