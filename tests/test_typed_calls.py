"""The checker of the tests checks every call, also where it remembers a nested function."""

from collections.abc import Callable

import jaxtyping
import pytest
from jaxtyping import Float, jaxtyped
from torch import Tensor, zeros
from typed_calls import checked


def adder(by: float) -> Callable[[float], float]:
    @jaxtyped(typechecker=checked)
    def add(to: float) -> float:
        return to + by

    return add


def of_kind(kind: type) -> Callable[[object], object]:
    @jaxtyped(typechecker=checked)
    def same(one: kind) -> kind:  # type: ignore[valid-type]
        return one

    return same


def as_long_as(first: Tensor) -> Callable[..., object]:
    @jaxtyped(typechecker=checked)
    def pair(one: Float[Tensor, "n 1"], other: Float[Tensor, "n 1"]) -> None:
        assert one is first

    return pair


def test_a_nested_function_is_checked_at_every_definition_and_runs_its_own_code() -> None:
    assert [adder(by)(1.0) for by in (1.0, 2.0)] == [2.0, 3.0]
    for _ in range(2):
        with pytest.raises(jaxtyping.TypeCheckError):
            adder(1.0)("1")  # type: ignore[arg-type]


def test_nested_functions_of_one_name_have_their_own_types() -> None:
    for kind, right, wrong in ((int, 1, "1"), (str, "1", 1)):
        assert of_kind(kind)(right) == right
        with pytest.raises(jaxtyping.TypeCheckError):
            of_kind(kind)(wrong)


def test_shapes_agree_within_one_call_only() -> None:
    for length in (2, 3):
        first = zeros(length, 1)
        as_long_as(first)(first, zeros(length, 1))
        with pytest.raises(jaxtyping.TypeCheckError):
            as_long_as(first)(first, zeros(length + 1, 1))


def test_the_code_of_a_check_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr("typed_calls.beartype", lambda empty: made.append(empty.__qualname__) or empty)

    def outer() -> None:
        @jaxtyped(typechecker=checked)
        def inner(one: bytes) -> bytes:
            return one

    for _ in range(3):
        outer()
    assert len(made) == 2  # of the arguments, and of the arguments with the result
