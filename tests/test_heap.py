"""malloc keeps what one step frees, counted by the page faults of the next one."""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from ddkit.executors.child import fork
from ddkit.heap import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    maps = [torch.ones(5 * 2**18) for _ in range(int(sys.argv[2]))]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def steps():
    return keep_freed_memory(), [faults() for _ in range(6)][-1]

class Steps:
    def run(self, common, report):
        return steps()

if sys.argv[1] == "worker":
    from ddkit.executors.messages import unpacked
    pipe, worker = fork(None, [])
    pipe.send([Steps()])
    print(*unpacked(pipe.recv()[1]))
    pipe.send([])
else:
    print(*steps())
"""
PAGES = 5 * 2**20 // 4096
"""Pages of a map."""

NAMES = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")

needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or sys.platform != "linux", reason="another malloc, or no workers are forked"
)


def found(where: str, maps: int, users: dict[str, str]) -> tuple[bool, int]:
    """Whether memory is kept in a new process or its worker, and the page faults of a step of `maps` maps."""
    environment = {name: value for name, value in os.environ.items() if name not in NAMES} | users
    command = [sys.executable, "-c", SCRIPT, where, str(maps)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@needs_glibc
@pytest.mark.parametrize("where", ["process", "worker"])
@pytest.mark.parametrize(
    "users", [{}, {"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}]
)
def test_maps_of_a_second_step_cost_no_page_faults_unless_the_user_has_set_thresholds(where, users):
    kept, faults = found(where, 8, users)
    assert kept == (not users)
    assert faults < 8 * PAGES / 50 if kept else faults > 8 * PAGES / 2


@needs_glibc
def test_a_worker_keeps_more_also_after_it_has_loaded_kernels():
    """Kernels ask for less than a worker keeps, which must not lower it."""
    assert found("worker", 100, {})[1] < 100 * PAGES / 50
