"""A cluster that `ray start --head` began, on a machine where Ray has a token, which it then asks for."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent

RUN = """
import sys, torch
from toy_units import Add
from ddkit.executors import Needs, Watch, executor
with executor(sys.argv[1]) as chosen:
    ((_, result),) = chosen.run([Add(1)], torch.ones(1), Needs(torch.device("cpu")), Watch())
print(result.tolist())
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ray") is None, reason="Ray is not installed")
def test_a_token_of_ray_lets_in_and_does_no_harm(tmp_path: Path) -> None:
    """First a cluster of this machine, then one of `ray start`, by the same user."""
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0" * 64)
    token.chmod(0o600)
    paths = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": paths, "DDKIT_HOME": str(tmp_path / "home")}
    environment.pop("RAY_AUTH_MODE", None)
    # Paths of sockets must be short. In the usual folder Ray would note the address of this cluster for later commands.
    environment["RAY_TMPDIR"] = folder = tempfile.mkdtemp(prefix="ray")

    def run(name: str) -> str:
        command = [sys.executable, "-c", RUN, name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("ray") == "[2.0]\n"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    options = ["--head", "--block", "--num-cpus=1", "--include-dashboard=false", f"--port={port}"]
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", *options],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline and head.poll() is None
            time.sleep(0.2)
        time.sleep(3)  # until its node is ready
        assert run(f"ray:127.0.0.1:{port}") == "[2.0]\n"
    finally:
        head.terminate()
        head.wait(30)
        shutil.rmtree(folder, ignore_errors=True)
