"""BibTeX of the papers behind a set: of its method, and of the pieces of other papers that its recipe switches on.

The entries are in `citations.bib`, beside this file.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_MTT, _FTD, _AST, _DATM = "cazenavette2022dataset", "du2023minimizing", "shen2023ast", "guo2024datm"
_DC, _DSA, _MIRAGE = "zhao2021datasetcondensation", "zhao2021differentiatble", "gupta2024mirage"
_NCFM = "wang2025ncfm"
_HERDING, _KMEANS = "welling2009herding", "cui2022dc"

METHODS: Mapping[str, tuple[str, ...]] = {
    "mtt": (_MTT,),
    "ftd": (_MTT, _FTD),
    "ast": (_MTT, _AST),
    "datm": (_MTT, _FTD, _DATM),
    "att": (_MTT, _FTD, "liu2024att"),
    "pad": (_MTT, _FTD, _DATM, "li2024pad"),
    "edf": (_MTT, _FTD, _DATM, "wang2025edf"),
    "tesla": (_MTT, "cui2023scaling"),
    "best": (_MTT,),  # its pieces add theirs
    "dc": (_DC,),
    "dsa": (_DC, _DSA),
    "dm": ("zhao2023distribution",),
    "ncfm": (_NCFM,),
    "ncfm-release": (_NCFM,),
    "infer": ("zhang2025infer",),
    "sre2l": ("yin2023sre2l",),
    "rded": ("sun2024rded",),
    "random": (),  # no paper
    "herding": (_HERDING,),
    "kmeans": (_KMEANS,),
    "mirage": (_MIRAGE,),
    "mirage-plus": (_MIRAGE,),
}
"""Method -> keys of the entries of its papers. A method without a paper has none."""

ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "seqmatch": ("du2023seqmatch",),
    "idc": ("kim2022dataset",),
}
"""The same for methods that ddkit does not have, of which imported sets may be."""

_VALUES: Mapping[str, Mapping[str, str]] = {
    "experts.name": {"flat": _FTD, "smooth": _AST, "curriculum": "li2024pad"},
    "method.pix_init": {
        "herding": _HERDING,
        "kmeans": _KMEANS,
        "representative": _AST,
        "samples_predicted_correctly": _DATM,
    },
    "method.match": {"nearest": "liu2024att"},
    "method.gradient": {"detached": "cui2023scaling"},
    "method.middle_loss": {"agg": _AST, "adaptive": _AST},
}
"""Setting -> the values of it that a paper introduced."""

_CHANGES: Mapping[str, tuple[Any, str]] = {
    "experts.warmup": (1, _AST),
    "experts.penalty": (0, _AST),
    "method.ema_decay": (0, _FTD),
    "method.syn_momentum": (0, _AST),
    "method.weight_perturb": (0, _AST),
    "method.balance_loss": (False, _AST),
    "method.target_labels": (False, "cui2023scaling"),
    "method.lr_y": (0, _DATM),
    "method.threshold": (None, _DATM),
    "method.current_max_start_epoch": (None, _DATM),
    "method.skip_shallow": (0, "li2024pad"),
    "method.largest": (1, "wang2025edf"),
    "method.fyi": (False, "son2024fyi"),
    "method.formation": (1, "kim2022dataset"),
}
"""Setting -> (the value that switches it off, the paper that introduced it)."""


def papers_of(method: str, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the keys of a method's papers and of the papers of all pieces that are switched on, each once.

    Args:
        method: the name of a method.
        settings: the tables of a recipe, by section; a setting that is missing is off.

    Returns:
        None if the method is known neither to ddkit nor to ELSEWHERE and no piece is on; its papers are then unknown.
        A method without a paper has an empty tuple.
    """
    own = METHODS.get(method, ELSEWHERE.get(method))
    tables = {section: table for section, table in settings.items() if isinstance(table, Mapping)}
    values = {f"{section}.{key}": value for section, table in tables.items() for key, value in table.items()}
    pieces = [entries[values[name]] for name, entries in _VALUES.items() if values.get(name) in entries]
    pieces += [entry for name, (off, entry) in _CHANGES.items() if values.get(name, off) not in (off, "none")]
    if "method.syn_steps" in values and values.get("method.soft_labels"):  # of a teachers' method they are its own
        pieces.append(_DATM)
    return None if own is None and not pieces else tuple(dict.fromkeys((*(own or ()), *pieces)))


def bibtex(keys: tuple[str, ...]) -> str:
    """Return the entries of some keys as BibTeX."""
    return "\n\n".join(entries()[key] for key in keys)


@cache
def entries() -> dict[str, str]:
    """Return key -> entry of all papers."""
    text = Path(__file__).with_name("citations.bib").read_text(encoding="utf-8")
    found = re.split(r"\n\n(?=@)", text.strip())
    return {entry.partition("{")[2].partition(",")[0]: entry for entry in found}
