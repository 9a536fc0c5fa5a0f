"""The agent's threads are those of its `threads`, whatever cores it has."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from protos.bundle import Bundle

_SETTINGS = """
bundle = "{bundle}"
threads = {threads}
[[source]]
kind = "folder"
name = "inbox"
path = "{folder}"
[[source.question]]
name = "what"
text = "describe the image"
"""
# threads that are not Python's; one that ends is gone from Python a moment earlier
_AGENT = """
import os, signal, sys, threading, time
from pathlib import Path

if sys.argv[2] == "bound":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import anyio
from edge.commands import agent
from edge.agent.life.life import Life

def others():
    return len(os.listdir("/proc/self/task")) - threading.active_count()

async def observe(_):
    print(min(time.sleep(0.01) or others() for _ in range(20)))
    os.kill(os.getpid(), signal.SIGTERM)

anyio.run(Life(Path(sys.argv[1]), [observe]).run)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_pools_have_the_threads_of_the_settings_whatever_cores_there_are(
    bundle_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "pictures").mkdir()
    large = np.zeros((1500, 2000, 3), np.uint8)  # which OpenCV would share out among all cores
    cv2.imwrite(str(tmp_path / "pictures/large.png"), large)
    head_and_decoder = len(Bundle.open(bundle_path).manifest.pieces) + 1
    assert threads(bundle_path, tmp_path, 1, "bound") == 0  # it is the thread that asks that computes
    assert threads(bundle_path, tmp_path, 1, "unbound") == 0
    assert threads(bundle_path, tmp_path, 2, "bound") == head_and_decoder  # each has one beside that


def threads(bundle: Path, folder: Path, count: int, cores: str) -> int:
    """Of an agent that has answered, those of its libraries."""
    settings = folder / f"{count}-{cores}.toml"
    settings.write_text(_SETTINGS.format(bundle=bundle, threads=count, folder=folder / "pictures"))
    command = [sys.executable, "-c", _AGENT, str(settings), cores]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
