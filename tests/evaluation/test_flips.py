"""One policy of flips for a whole table."""

import pytest

from ddkit.data import DSA
from ddkit.evaluation import evaluation_dsa


@pytest.mark.parametrize(
    ("policy", "augment", "expected", "used"),
    [
        ("auto", "color_flip_crop", False, "color_flip_crop"),
        ("auto", "color_flip_crop", True, "flip+color_crop"),
        ("auto", "", True, "flip"),
        ("augment", "color_flip_crop", True, "color_flip_crop"),
        ("always", "color_crop", False, "flip+color_crop"),
        ("always", "flip", False, "flip"),
        ("always", "flip+color_crop", True, "flip+color_crop"),
        ("always", "color+crop_flip", True, "flip+color+crop"),
    ],
)
def test_policies(policy: str, augment: str, expected: bool, used: str) -> None:
    assert evaluation_dsa(policy, DSA(augment), expected).strategy == used
