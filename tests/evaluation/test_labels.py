"""The forms of labels in a table, and the second row of random-real."""

import pytest

from ddkit.evaluation import Labels, label_terms, same_for_real
from ddkit.evaluation.settings import LABEL_POLICIES
from ddkit.synth import LabelTerms

COLD, WARM, FEW = LabelTerms(2.0, None), LabelTerms(4.0, None), LabelTerms(2.0, 3)


@pytest.mark.parametrize(
    ("temperature", "sets", "terms", "same"),
    [
        (None, [None], [LabelTerms(30.0, None)], False),
        (None, [COLD], [COLD], True),
        (None, [None, COLD, COLD], [COLD], True),
        (None, [COLD, WARM], [COLD, WARM], False),
        (None, [COLD, FEW], [COLD, FEW], False),
        (5.0, [COLD, WARM], [LabelTerms(5.0, None)], True),  # one temperature replaces both
        (5.0, [None], [LabelTerms(5.0, None)], False),
    ],
)
def test_random_real_gets_the_sets_labels_if_these_have_one_form(
    temperature: float | None, sets: list[LabelTerms | None], terms: list[LabelTerms], same: bool
) -> None:
    assert label_terms(temperature, sets) == terms
    assert {policy: same_for_real(policy, temperature, sets) for policy in LABEL_POLICIES} == {
        "auto": same,
        "hard": False,
        "static": False,
        "dynamic": False,
    }
    labels = Labels.of_sets("auto", temperature, iter(sets), None)
    assert (labels.temperature, labels.top_k) == terms[0]
    assert not labels.same_for_real  # there are no teachers
