"""The card of a set of graphs."""

from ddkit.errors import counted
from ddkit.publish.card import Origin, Source, card
from ddkit.synth import GraphSet


def graph_card(graphs: GraphSet, source: Source, origin: Origin, limits: tuple[str, ...] = ()) -> str:
    """Return the card. `limits` are sentences on what is missing beside it."""
    facts, trees, soft = graphs.facts, graphs.trees, graphs.samples.soft is not None
    labels = "soft" if soft else "hard"
    found = {
        "data": facts.dataset,
        "method": facts.method,
        "samples": f"{len(graphs)}, {labels} labels",
        "classes": ", ".join(facts.classes),
        "trees": f"{trees.roots} of full depth, {int(trees.depth_size.sum())} of all depths",
        "hops": str(facts.hops),
        "bytes": f"{graphs.stored_bytes:,} as stored, {graphs.explicit_bytes:,} with all trees written out",
        "degrees of leaves": "those of the original graphs" if facts.true_degrees else "the mean of all with its label",
        "digest": graphs.digest,
        "digest of the data": facts.data_digest,
    }
    training = [
        f"Use {counted(facts.hops, 'message-passing layer')}, a mean over the nodes with `root` 1, and a linear head.",
        f"Use cross entropy with {'`soft_label`' if soft else '`y`'}, weighted by `support`.",
        "Test on whole real graphs, with a mean over all their nodes.",
    ]
    return card(
        source,
        origin,
        graphs.record,
        about=f"A synthetic training set for {facts.dataset}: {counted(len(graphs), 'sample')}, each a bag of "
        f"computation trees of depth {facts.hops}, made by {facts.method}.",
        facts=found,
        training=training,
        limits=(
            *limits,
            f"The trees have depth {facts.hops}: a network with more layers sees no more of a graph.",
            "The trees occur in the real graphs. Do not assume that they hide what those show.",
        ),
    )
