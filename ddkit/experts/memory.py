"""An estimate of the memory that training one expert or teacher needs. An executor then trains as many as fit."""

from ddkit.executors import Needs
from ddkit.experts.settings import ExpertSettings
from ddkit.steps.training_memory import FLOAT32, training_memory
from ddkit.task import Task

ROW_COPIES = 4
"""Float32 copies of the kept parameters: snapshots, stack, message to the caller, and the caller's copy."""


def expert_needs(task: Task, settings: ExpertSettings, rows: int, experts: int = 1) -> Needs:
    """What training needs besides the data, which all experts share.

    Args:
        task: its network is trained on its real data.
        rows: the number of parameter vectors that one expert keeps: its epochs + 1, or 1 for a teacher.
        experts: number of experts in a stack.
    """
    batch = min(settings.batch, len(task.real.train))
    kept = FLOAT32 * ROW_COPIES * rows * task.net.parameters
    return Needs(task.device, training_memory(task.net, experts, experts * batch) + experts * kept, task.data_bytes)
