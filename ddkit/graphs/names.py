"""Names of graph data: the named datasets, and the kinds of the user's own graphs."""

DIGITS_LICENCE = "CC BY 4.0 (scikit-learn's copy of the UCI optical digits)"
TU_LICENCE = "TUDataset collection (Morris et al. 2020); for research, with citation"
OGB_LICENCE = "MoleculeNet through OGB (Hu et al. 2020); for research, with citation"

TU = {name.lower(): name for name in ("MUTAG", "NCI1", "NCI109", "PROTEINS", "DD", "IMDB-BINARY", "IMDB-MULTI")}
OGB = ("ogbg-molbace", "ogbg-molbbbp")
HIV = "ogbg-molhiv"
GRAPHS = ("digits-graphs", *TU, *OGB, HIV)

OWN = {"tu": "tu:DIR", "ogb": "ogb:DIR", "graphs-npz": "graphs-npz:FILE", "pt": "pt:FILE"}
"""Kinds of the user's own graphs -> how to write them as `data.name`."""


def is_graphs(spec: str) -> bool:
    """Return whether a `data.name` is that of graphs."""
    return spec in GRAPHS or spec.partition(":")[0] in OWN


def licence_of(name: str) -> str:
    """Return the licence of a named dataset of graphs."""
    return TU_LICENCE if name in TU else OGB_LICENCE if name in (*OGB, HIV) else DIGITS_LICENCE
