"""The run of a rank that follows: it does its share of each iteration, and writes and prints nothing.

The leader sends the resolved recipe once it has checked recipe, folder and data. It sends the state of the first step
once it has the experts. Hence missing experts are trained by the leader while the others wait, and only its folder is
read. Each rank reads data and experts itself, from folders that the machines share or copies of them; the digest that
comes with the state is compared with the rank's own.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

from ddkit.arguments import checked
from ddkit.errors import DataError, UsageError
from ddkit.jobs.data.loading import load_task
from ddkit.jobs.recipes import ResolvedRecipe, to_toml
from ddkit.jobs.recipes.resolve import parse_images
from ddkit.jobs.runs.images import ImageWork
from ddkit.jobs.runs.run import Run
from ddkit.methods import IterativeMethod
from ddkit.ranks import Ranks
from ddkit.run import OneAhead, RunFolder, SilentMeter, pack_state, unpack_state
from ddkit.toml import read_toml


def send_recipe(ranks: Ranks, recipe: ResolvedRecipe) -> None:
    """Send the recipe to the ranks that follow."""
    ranks.send(to_toml(recipe).encode())


def send_state(ranks: Ranks, digest: str, done: int, state: Any) -> None:
    """Send the state after `done` iterations, and the digest of all that it depends on."""
    if ranks.count > 1:
        packed = BytesIO()
        pack_state(packed, done, state, digest)
        ranks.send(packed.getvalue())


@checked
def follow(ranks: Ranks) -> None:
    """Do this rank's share of the leader's call of `ddkit.condense`.

    Example, in a script that `torchrun` starts:
        >>> with joined() as ranks:
        ...     condense("mtt", ranks=ranks) if ranks.leads else follow(ranks)

    Raises:
        UsageError: this is rank 0, which would wait for itself.
        DataError: data or experts of this rank differ from the leader's.
    """
    if ranks.leads:
        raise UsageError("follow: this is rank 0, which leads; call ddkit.condense(..., ranks=ranks) there")
    where = "recipe of rank 0"
    recipe = parse_images(read_toml(ranks.receive().decode(), where), where)
    task = load_task(recipe.data, recipe.net, ranks.device)
    work, meter = ImageWork(Run(recipe, RunFolder(Path()), ranks.device, False, ranks=ranks), task), SilentMeter()
    packed = BytesIO(ranks.receive())
    with work.experts(meter) as (experts, digest):
        method = work.method(experts)
        assert isinstance(method, IterativeMethod)
        done, state, leaders = unpack_state(packed, method.state_class, ranks.device)
        if (own := work.state_digest(digest)) != leaders:
            raise DataError(
                f"data or experts differ from those of rank 0 (digests {own[:8]} and {leaders[:8]}); let all machines "
                "share DDKIT_HOME and DDKIT_DATA, or copy them"
            )
        ahead = OneAhead(ranks.device)
        for _ in range(done, method.iterations):
            state, _ = method.step(state)
            ahead.queued()
    ranks.leave()
