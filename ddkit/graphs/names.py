"""Names of graphs: the sets that go by a name, and the kinds of the user's own."""

DIGITS_LICENCE = "CC BY 4.0 (scikit-learn's copy of the UCI optical digits)"
TU_LICENCE = "TUDataset collection (Morris et al. 2020); for research, with citation"
OGB_LICENCE = "MoleculeNet through OGB (Hu et al. 2020); for research, with citation"

TU = {name.lower(): name for name in ("MUTAG", "NCI1", "NCI109", "PROTEINS", "DD", "IMDB-BINARY", "IMDB-MULTI")}
OGB = ("ogbg-molbace", "ogbg-molbbbp")
HIV = "ogbg-molhiv"
GRAPHS = ("digits-graphs", *TU, *OGB, HIV)

OWN = {"tu": "tu:DIR", "ogb": "ogb:DIR", "graphs-npz": "graphs-npz:FILE", "pt": "pt:FILE"}
"""Kinds of the user's own graphs, and how they are written."""


def is_graphs(spec: str) -> bool:
    """Whether a `data.name` means graphs and not images."""
    return spec in GRAPHS or spec.partition(":")[0] in OWN


def licence_of(name: str) -> str:
    """The licence of graphs that go by a name."""
    return TU_LICENCE if name in TU else OGB_LICENCE if name in (*OGB, HIV) else DIGITS_LICENCE
