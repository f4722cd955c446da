"""What a process reads of torchrun's variables."""

import pytest

from ddkit.errors import UsageError
from ddkit.jobs import follow
from ddkit.ranks import Launch, Ranks, launched

PLACE = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
PLACE |= {"MASTER_ADDR": "node0", "MASTER_PORT": "29500"}


def test_a_process_of_torchrun_knows_its_place() -> None:
    assert launched(PLACE) == Launch(rank=3, count=4, local_rank=1, local_count=2, host="node0")


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"])
def test_a_process_without_one_of_the_variables_is_alone(missing: str) -> None:
    assert launched({name: value for name, value in PLACE.items() if name != missing}) is None


def test_one_process_of_torchrun_is_alone() -> None:
    assert launched(PLACE | {"RANK": "0", "WORLD_SIZE": "1"}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("RANK", "4"), ("RANK", "-1"), ("RANK", "x"), ("WORLD_SIZE", "0"), ("LOCAL_RANK", "2"), ("LOCAL_WORLD_SIZE", "9")],
)
def test_a_wrong_variable_is_named(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"environment variable {name}: must be a number.*'{value}'"):
        launched(PLACE | {name: value})


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("items", [0, 1, 6, 7, 20])
def test_the_shares_of_all_ranks_are_all_items_once(count: int, items: int) -> None:
    ranks = [Ranks(rank, count) for rank in range(count)]
    assert sorted(i for each in ranks for i in each.own(items)) == list(range(items))
    rows = [range(items)[each.rows(items)] for each in ranks]
    assert [i for each in rows for i in each] == list(range(items))
    assert max(map(len, rows)) - min(map(len, rows)) <= 1


def test_rank_0_cannot_follow() -> None:
    with pytest.raises(UsageError, match=r"follow: this is rank 0, which leads; call ddkit\.condense"):
        follow(Ranks())
