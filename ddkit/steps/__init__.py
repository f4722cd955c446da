"""One training step of a network on one batch, differentiated once and twice.

In: a network as a function of a flat parameter vector, a batch, a direction. Out: the gradient for the parameters, and
the derivative of (gradient . direction) for parameters, images and soft labels. Any network goes through autograd; the
field's ConvNet has a fused step of its own, on a CPU with kernels in C.
"""

from ddkit.lazy import lazily

with lazily(__name__):
    from ddkit.steps.autograd import AutogradStep
    from ddkit.steps.choose import step_for
    from ddkit.steps.native import native_state
    from ddkit.steps.precision import PRECISIONS, TRAINING, convolution_precision
    from ddkit.steps.slower import warn_slower
    from ddkit.steps.step import Gradient, Network, Product, Step

__all__ = [
    "AutogradStep",
    "Gradient",
    "Network",
    "PRECISIONS",
    "Product",
    "Step",
    "TRAINING",
    "convolution_precision",
    "native_state",
    "step_for",
    "warn_slower",
]
