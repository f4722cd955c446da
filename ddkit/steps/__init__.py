"""One training step of a network on one batch, differentiated once and twice.

The input is a network as a function of a flat parameter vector, a batch, and a direction. The results are the gradient
for the parameters, and the derivative of (gradient . direction) for parameters, images and soft labels. Autograd
computes them for any network. The common ConvNet has a fused step, on a CPU with kernels in C.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.steps.autograd import AutogradStep
    from ddkit.steps.choose import prepare_step, step_for, training_step
    from ddkit.steps.convnet import ConvNetStep
    from ddkit.steps.divided import BatchShare
    from ddkit.steps.native import native_state
    from ddkit.steps.precision import PRECISIONS, TRAINING, convolution_precision
    from ddkit.steps.rows import as_rows
    from ddkit.steps.sgd import SGD
    from ddkit.steps.slower import warn_slower
    from ddkit.steps.step import Gradient, Network, Product, Step
    from ddkit.steps.training_memory import training_memory

__all__ = [
    "AutogradStep",
    "BatchShare",
    "ConvNetStep",
    "Gradient",
    "Network",
    "PRECISIONS",
    "Product",
    "SGD",
    "Step",
    "TRAINING",
    "as_rows",
    "convolution_precision",
    "native_state",
    "prepare_step",
    "step_for",
    "training_memory",
    "training_step",
    "warn_slower",
]
