"""Facts for a bug report: versions, devices, compiler, data, disk, and whether a smoke job passes."""

import os
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import torch

from ddkit.arguments import checked
from ddkit.errors import DDKitError
from ddkit.experts import list_buffers
from ddkit.home import home
from ddkit.jobs.condense import condense
from ddkit.jobs.machine.environment import environment
from ddkit.jobs.planning.stages import free_disk
from ddkit.recipe_files import list_recipes
from ddkit.steps import native_state
from ddkit.synth import list_sets

SMOKE = (
    *("experts.count=2", "method.iterations=20", "method.max_start_epoch=2"),
    *("evaluate.steps=50", "evaluate.nets=2", "evaluate.epochs=1", "evaluate.whole=false"),
)


@checked
def doctor(smoke: bool = True) -> tuple[dict[str, str], bool]:
    """(facts by name, whether all checks passed). The smoke job condenses digits for a few iterations.

    It runs in a temporary folder. Only its experts are kept, in a buffer that `ddkit buffer rm` removes.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    facts = {name: str(value) for name, value in environment(device).items()}
    facts["cuda"] = torch.version.cuda or "not in this build of torch"
    facts["fused CPU kernels"] = native_state()
    facts["triton"] = "present" if find_spec("triton") else "absent"
    facts["home"] = str(home())
    facts["disk"] = f"{free_disk(home()) / 2**30:.1f} GiB free at home"
    buffers = list_buffers(home() / "buffers")
    facts["buffers"] = f"{len(buffers)} ({sum(buffer.size for buffer in buffers) / 2**20:.1f} MiB)"
    local = os.environ.get("DDKIT_DATA")
    found = [*(home() / "data").glob("*"), *(Path(local).glob("*.npz") if local else ())]
    facts["data"] = ", ".join(["digits (bundled)", *sorted(file.name for file in found)])
    facts["DDKIT_DATA"] = local or "not set"
    facts["recipes, sets"] = f"{len(list_recipes())}, {len(list_sets())}"
    healthy = bool(list_recipes())
    if smoke:
        facts["smoke job"], passed = _smoke()
        healthy = healthy and passed
    return facts, healthy


def _smoke() -> tuple[str, bool]:
    begin = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as folder:
            result = condense("ftd", out=Path(folder) / "run", overrides=SMOKE)
    except DDKitError as error:
        return f"FAILED: {error}", False
    assert result.evaluation is not None
    accuracy = 100 * result.evaluation.scores[0].mean
    return f"passed in {time.perf_counter() - begin:.1f} s (20 iterations of ftd: {accuracy:.0f} %)", True
