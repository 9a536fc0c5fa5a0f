"""No package, and nothing that it depends on, looks up a host or writes where it was not told to."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from splitter.nano.scenes import picture
from tests.splitter.families.checkpoints import llava_clip

ROOT = Path(__file__).parents[1]
UNSHARE = ("unshare", "--map-root-user", "--net", "--mount")
ISTHMUS = (sys.executable, "-m", "isthmus")
SERVED = """
import sys, pathlib, bench.rig.cloud_process as rig
from edge.link.client import CloudClient
with rig.CloudProcess(pathlib.Path(sys.argv[1])) as cloud, CloudClient(cloud.address) as client:
    client.describe(10)
"""


def has_namespaces() -> bool:
    tools = all(map(shutil.which, ("unshare", "ip", "mount")))
    return tools and subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode == 0


alone_only = pytest.mark.skipif(not has_namespaces(), reason="no network namespaces here")


def alone(home: Path, *command: str) -> Any:
    home.mkdir()
    script = (sys.executable, str(ROOT / "tests/alone.py"), str(home))
    done = subprocess.run(
        [*UNSHARE, *script, *command], cwd=ROOT, check=False, capture_output=True, text=True, timeout=300
    )
    print(done.stderr)  # for whoever reads a failure
    assert done.returncode == 0
    return json.loads(done.stdout)


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file() and path.parts
    )


@pytest.mark.parametrize("package", ["edge", "cloud", "splitter", "bench", "deploy"])
def test_a_package_opts_out_before_anything_that_calls_home_is_loaded(package: str) -> None:
    code = (
        f"import {package}, os, sys; print(os.environ['ORT_DISABLE_TELEMETRY'], "
        "os.environ['HF_HUB_DISABLE_TELEMETRY'], {'onnxruntime', 'transformers'} & set(sys.modules))"
    )
    environment = {key: value for key, value in os.environ.items() if not key.endswith("TELEMETRY")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True, env=environment
    )
    assert done.stdout.split() == ["1", "1", "set()"]


@alone_only
def test_whoever_calls_is_seen(tmp_path: Path) -> None:
    script = "import socket, sys; sys.exit(bool(socket.getaddrinfo('isthmus.example', 1)))"
    told = alone(tmp_path / "home", sys.executable, "-c", script)
    assert told["asked"] == ["isthmus.example"]
    assert told["status"] == 1


@alone_only
def test_an_answer_on_the_device_calls_nobody_and_leaves_nothing(bundle_path: Path, tmp_path: Path) -> None:
    Image.fromarray(picture(1).image).save(tmp_path / "scene.png")
    asking = ("ask", str(tmp_path / "scene.png"), "what is it?", "--bundle", str(bundle_path))
    told = alone(tmp_path / "home", *ISTHMUS, *asking, "--never-leave-device")
    assert told == {"asked": [], "status": 0}
    assert set(files(tmp_path / "home")) <= {"isthmus"}  # what it learned of the device


@alone_only
def test_a_service_calls_nobody_and_leaves_nothing(bundle_path: Path, tmp_path: Path) -> None:
    told = alone(tmp_path / "home", sys.executable, "-c", SERVED, str(bundle_path))
    assert told == {"asked": [], "status": 0}
    assert set(files(tmp_path / "home")) <= {"isthmus"}


@pytest.mark.slow
@alone_only
def test_a_split_calls_nobody_and_leaves_nothing(tmp_path: Path) -> None:
    llava_clip(tmp_path / "checkpoint")
    (tmp_path / "photos").mkdir()
    for number in range(8):
        Image.fromarray(picture(number).image).save(tmp_path / f"photos/{number}.png")
    splitting = ("split", str(tmp_path / "checkpoint"), "-o", str(tmp_path / "bundle"), "--cuts", "vision.1")
    told = alone(
        tmp_path / "home",
        *ISTHMUS,
        *splitting,
        "--calibration",
        str(tmp_path / "photos"),
        "--report-pictures",
        "1",
    )
    assert told == {"asked": [], "status": 0}
    assert set(files(tmp_path / "home")) <= {"isthmus"}
