"""The table of engines."""

from ddkit.steps import Network, convolution_precision, step_for
from ddkit.unroll.adjoint import Solved, adjoint, budget
from ddkit.unroll.captured import captured
from ddkit.unroll.problem import Problem


def walked(net: Network, precision: str, memory: int | None, problem: Problem, backward: bool) -> Solved:
    """The adjoint, launched operation by operation."""
    with convolution_precision(problem.theta_0.device, precision):
        return adjoint(step_for(net, problem.theta_0, precision), problem, budget(memory, problem), backward)


SOLVERS = {"adjoint": walked, "captured": captured}
ENGINES = (*SOLVERS, "reference")
