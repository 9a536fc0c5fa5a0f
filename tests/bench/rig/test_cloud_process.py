import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.rig.cloud_process import CloudProcess
from protos.errors import CloudError

ROOT = Path(__file__).resolve().parents[3]


HOLD_A_CLOUD = """
import sys, time
from pathlib import Path
from bench.rig.cloud_process import CloudProcess
with CloudProcess(Path(sys.argv[1])) as cloud:
    print(cloud.address, flush=True)
    time.sleep(600)
"""


def test_a_cloud_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="is not a bundle"), CloudProcess(tmp_path):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_the_cloud_does_not_outlive_the_process_that_started_it(
    bundle_path: Path, end: signal.Signals
) -> None:
    command = [sys.executable, "-c", HOLD_A_CLOUD, str(bundle_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as holder:
        assert holder.stdout
        host, port = holder.stdout.readline().strip().split(":")
        assert accepts(host, int(port))
        holder.send_signal(end)
        holder.wait()
    give_up = time.monotonic() + 30
    while accepts(host, int(port)) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert not accepts(host, int(port))


def accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionError:
        return False
    return True
