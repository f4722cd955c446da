"""Dataset repositories of sets of graphs."""

from functools import partial
from pathlib import Path

from ddkit.errors import DataError
from ddkit.jobs.sets.cards import SET, published_source
from ddkit.jobs.sets.origin import origin_of, report_origin
from ddkit.publish import (
    PREVIEW,
    Repository,
    bibtex,
    front_matter,
    graph_card,
    graph_tables,
    refuse_other_readme,
    table_files,
)
from ddkit.publish.table import Column, pyarrow
from ddkit.report import tree_gallery
from ddkit.run import Meter
from ddkit.synth import GraphSet, export_graphs, write_graph_set

ARRAYS = "set.npz"


def publish_graphs(graphs: GraphSet, folder: Path, repo: str, meter: Meter) -> tuple[str, ...]:
    """Write a set as a dataset repository, and return the names of its files.

    The trees are written out as one graph a sample, in a parquet file; if they are too large for that, only set.h5 and
    set.npz hold them, and a line says so. `repo` is the name on the Hub; "" if it is not known.

    Raises:
        DataError: see `Repository.write`.
    """
    refuse_other_readme(folder)
    pyarrow()
    facts, origin = graphs.facts, origin_of(graphs)
    name = f"{facts.dataset}-{facts.method}"
    tables: dict[str, list[Column]] = {}
    limits: tuple[str, ...] = ()
    try:
        tables = graph_tables(graphs)
    except DataError as error:
        limits = (f"There is no table of the graphs, which is too large; `{ARRAYS}` and `{SET}` hold the trees.",)
        meter.say(f"{error}; no parquet file is written, {ARRAYS} and {SET} hold the set")
    source = published_source(graphs, name, repo, PREVIEW, table=bool(tables))
    head = front_matter(name, "graph-ml", len(graphs), origin.licence.identifier, (facts.method,), table_files(tables))
    repository = Repository(
        name=name,
        about=f"{facts.dataset} condensed to {len(graphs)} bags of computation trees by {facts.method}.",
        licence=origin.licence.text if origin.licence.declared else "",
        bibtex=bibtex(origin.papers or ()),
        url=f"https://huggingface.co/datasets/{repo}" if repo else "",
        readme=head + graph_card(graphs, source, origin, limits),
        tables=tables,
        files={SET: partial(write_graph_set, graphs), ARRAYS: partial(export_graphs, graphs, "npz")},
        preview=partial(tree_gallery, graphs),
    )
    report_origin(graphs, origin, meter)
    return repository.write(folder)
