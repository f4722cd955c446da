"""The inner loop: train a student for N steps on synthetic batches and measure its distance to the expert.

The input is a network as a pure function of a flat parameter vector, expert snapshots, N prepared batches, labels,
learning rates, and the rules of the match. The result is one scalar that ordinary autograd differentiates with respect
to images, soft labels and learning rates. The package does not depend on augmentation, flips or files.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.unroll.contract import GRADIENTS, MATCHES, matching_loss
    from ddkit.unroll.cost import precision_cosine
    from ddkit.unroll.engines import ENGINES
    from ddkit.unroll.problem import Waypoint, Weighting, largest

__all__ = ["ENGINES", "GRADIENTS", "MATCHES", "Waypoint", "Weighting", "largest", "matching_loss", "precision_cosine"]
