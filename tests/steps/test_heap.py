"""malloc keeps what one step frees, counted by the page faults of the next one."""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, torch
from ddkit.steps.heap import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    maps = [torch.ones(5 * 2**18) for _ in range(8)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(keep_freed_memory(), [faults() for _ in range(6)][-1])
"""
PAGES = 8 * 5 * 2**20 // 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another malloc")
@pytest.mark.parametrize(
    "users", [{}, {"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}]
)
def test_maps_of_a_second_step_cost_no_page_faults_unless_the_user_has_set_thresholds(users):
    names = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
    environment = {name: value for name, value in os.environ.items() if name not in names} | users
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    kept, faults = done.stdout.split()
    assert kept == str(not users)
    assert int(faults) < PAGES / 50 if kept == "True" else int(faults) > PAGES / 2
