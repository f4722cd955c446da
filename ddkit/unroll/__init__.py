"""The inner loop: train a student for N steps on synthetic batches and measure how far from the expert it lands.

In: a network as a pure function of a flat parameter vector, two expert snapshots, N prepared batches, labels, learning
rates. Out: one scalar that ordinary autograd differentiates with respect to images, soft labels and learning rates.
Nothing here knows where the images come from, nor of augmentation, flips or files.
"""

from ddkit.unroll.contract import ENGINES, matching_loss
from ddkit.unroll.step import Network

__all__ = ["ENGINES", "Network", "matching_loss"]
