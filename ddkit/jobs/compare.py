"""Compare recipes: several sets of each, rivals of the same size and the whole data, under equal training."""

from collections.abc import Sequence
from pathlib import Path

from ddkit.arguments import checked
from ddkit.errors import UsageError, nearest
from ddkit.evaluation import FLIP_POLICIES, LABEL_POLICIES, PARTS, refuse_unknown_scores
from ddkit.jobs.comparison.lines import Comparison
from ddkit.jobs.kinds import KINDS, kind_of_recipe
from ddkit.jobs.recipes.request import Comparing, name_in_table, refuse_odd_suffixes, variant
from ddkit.jobs.reports import COMPARISON, REPORT, comparison_page, written_at_end
from ddkit.run import Meter, SilentMeter, refuse_no_folder, write_json


@checked
def compare(
    recipes: Sequence[str | Path],
    *,
    sets: int = 3,
    nets: int | None = None,
    overrides: tuple[str, ...] = (),
    out: str | Path = "runs/compare",
    on: str = "test",
    flips: Sequence[str] = (),
    labels: Sequence[str] = (),
    device: str = "auto",
    scores: str | None = None,
    meter: Meter | None = None,
) -> Comparison:
    """Condense every recipe `sets` times, and score all sets and their rivals.

    The table is also written to `out`, as `comparison.json` and in the report, `report.html`.

    The seeds of a recipe's sets are its own seed and the numbers after it.

    Args:
        recipes: names or files, all for images or all for graphs. For images, recipes with equal data, network,
            evaluation and ipc stand in one part of the table and share its rivals. NAME+fyi is the recipe NAME with
            FYI, and NAME+2x2 with images packed 2 x 2. For graphs, all recipes must have equal evaluation and seed.
            Those with equal data and hops stand in one part. Each set has random and herded graphs of its bytes as
            rivals; all rows without a set are shared.
        sets: number of sets of each recipe, and of draws of each rival.
        nets: networks trained on each set; default the recipes'.
        overrides: "section.key=value" texts for all recipes.
        out: folder of runs and scores. The same call continues an interrupted comparison there.
        on: the part that networks are judged on: "test", or "validation" to choose settings without the test part.
        flips: policies of `evaluate.flips`, each with its own part of the table; default the recipes' own. Not for
            graphs.
        labels: policies of `evaluate.labels`, each with its own part of the table.
        device: "auto", "cpu", "cuda", ...
        scores: "ddranking" adds DD-Ranking's scores HLR, IOR, LRS and ARS of each recipe, as the `ranking` of its line.
            The rows that only they need have no lines. For images, on the test part.
        meter: progress; default silent.

    Example:
        >>> table = compare(["mtt-digits-ipc1", "ftd-digits-ipc1"])
        >>> [(line.name, round(line.overall.mean, 3)) for line in table.lines]

    Raises:
        UsageError: no recipe, an unknown part or policy, invalid settings, or recipes for graphs with different
            evaluation or seed.
        DataError: missing or damaged data, experts or runs. A finished set that cannot be read is left out, and for
            graphs also its rivals under its seed; a note says so, and the comparison's `damaged` holds its file. If
            you delete the file, the next call makes the set again.
        NumericalError: the loss of a condensation exploded; finished sets and scores are kept.
    """
    if not recipes or sets < 1:
        raise UsageError(f"compare: needs at least one recipe and one set, got {len(recipes)} and {sets}")
    if on not in PARTS:
        raise UsageError(f"compare: on '{on}' is no part to be judged on; {nearest(on, PARTS)}")
    for what, policies, known in (("flips", flips, FLIP_POLICIES), ("labels", labels, LABEL_POLICIES)):
        for policy in policies:
            if policy not in known:
                raise UsageError(f"compare: {what} '{policy}' is no policy; {nearest(policy, known)}")
    refuse_unknown_scores(scores or "")
    if scores and on != "test":
        raise UsageError(f"compare: scores '{scores}' are of the test part; leave them out, or on='{on}'")
    for name in recipes:
        refuse_odd_suffixes(name)
    kinds = {kind_of_recipe(None, variant(name)[0]).name for name in recipes}
    if len(kinds) > 1:
        raise UsageError("compare: one table cannot hold recipes for images and for graphs; name one kind only")
    for name in recipes:
        plain, settings = variant(name)
        if kinds == {"graphs"} and settings:
            suffix = str(name).removeprefix(plain)
            raise UsageError(f"compare: recipe '{name}': is for graphs, and {suffix} is for images; leave it out")
    names = [name_in_table(name) for name in recipes]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"compare: two recipes have one name, '{name}'; name each once")
    refuse_no_folder(Path(out))
    comparing = Comparing(
        recipes=tuple(recipes),
        sets=sets,
        nets=nets,
        overrides=overrides,
        out=Path(out),
        on=on,
        flips=tuple(flips),
        labels=tuple(labels),
        device=device,
        scores=scores or "",
    )
    meter = meter or SilentMeter()
    found = KINDS[kinds.pop()].compare(comparing, meter)
    write_json(comparing.out / COMPARISON, found.tables(), indent=2)
    written_at_end(lambda: comparison_page(comparing.out, meter), comparing.out / REPORT, meter)
    return found
