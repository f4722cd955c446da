"""The one evaluator: trains fresh networks on a set and on its rivals, all alike, and scores them on real test data.

In: a `SyntheticSet`, the real data, a network. Out: an `Evaluation`, a table of scores with intervals. Two protocols:
`honest` (settings chosen on validation data, last epoch) and `paper` (what MTT's authors did, selection on the test
set included, and said so). The folder is not called `evaluate`, so that `ddkit.evaluate` can be the function.
"""

from ddkit.evaluation.honest import evaluate_honestly
from ddkit.evaluation.paper import evaluate_as_paper
from ddkit.evaluation.score import Evaluation, Score

__all__ = ["Evaluation", "Score", "evaluate_as_paper", "evaluate_honestly"]
