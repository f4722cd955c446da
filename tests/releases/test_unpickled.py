"""Files of `torch.save` that claim more than they have, or hold more than tensors and numbers."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from bombs import packed_pt

from ddkit.errors import DataError
from ddkit.releases.unpickled import read_torch


def test_tensors_and_plain_numbers_are_read(tmp_path: Path) -> None:
    numbers = [np.float64(0.5), np.float32(0.25), np.int64(3), 1, "a", True]
    table = {"images": torch.nn.Parameter(torch.ones(2)), "numbers": numbers, "pair": (torch.zeros(1), None)}
    torch.save(table, tmp_path / "new.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(table, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("new.pt", "old.pt"):
        found = read_torch(tmp_path / name, "here")
        assert found["numbers"] == numbers and not found["images"].requires_grad
        assert isinstance(found["pair"], list) and type(found["images"]) is torch.Tensor


@pytest.mark.parametrize("kind", [torch.uint16, torch.uint32, torch.float8_e4m3fn, torch.float8_e5m2])
def test_types_that_torch_hardly_computes_with_become_common_ones(tmp_path: Path, kind: torch.dtype) -> None:
    torch.save(torch.arange(4).to(kind), tmp_path / "odd.pt")
    found = read_torch(tmp_path / "odd.pt", "here")
    assert found.dtype in (torch.int64, torch.float32) and found.tolist() == [0, 1, 2, 3]


def test_an_array_is_no_plain_number(tmp_path: Path) -> None:
    torch.save({"array": np.zeros(3)}, tmp_path / "array.pt")
    with pytest.raises(DataError, match=r"its pickle needs 'numpy._core.multiarray._reconstruct'"):
        read_torch(tmp_path / "array.pt", "here")


def test_claims_are_compared_with_the_bytes(tmp_path: Path) -> None:
    torch.save(torch.zeros(1).expand(2**34), tmp_path / "expanded.pt")
    with pytest.raises(DataError, match=r"would need 68\.7 GB of memory"):
        read_torch(tmp_path / "expanded.pt", "here")
    with pytest.raises(DataError, match=r"it unpacks to .* bytes, but torch.save does not compress"):
        read_torch(packed_pt(tmp_path / "packed.pt", torch.zeros(2**8)), "here")
    nested: object = "a"
    for _ in range(30):
        nested = [nested] * 10
    torch.save(nested, tmp_path / "nested.pt")
    with pytest.raises(DataError, match="has more values, or deeper lists, than any release"):
        read_torch(tmp_path / "nested.pt", "here")
    torch.save(torch.zeros(3, 3).to_sparse(), tmp_path / "sparse.pt")
    with pytest.raises(DataError, match="sparse"):
        read_torch(tmp_path / "sparse.pt", "here")
