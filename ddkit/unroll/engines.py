"""The table of engines."""

from ddkit.unroll.adjoint import walked
from ddkit.unroll.captured import captured

SOLVERS = {"adjoint": walked, "captured": captured}
ENGINES = (*SOLVERS, "reference")
