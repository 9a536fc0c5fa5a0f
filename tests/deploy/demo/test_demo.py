import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import isthmus
from bench.rig.bundles import cheapest_split, cheapest_upload
from bench.rig.cloud_process import CloudProcess
from protos import bundle_pb2 as pb
from protos.errors import CloudError, RequestError

ROOT = Path(__file__).resolve().parents[3]
HOLD_A_CLOUD = """
import sys, time
from pathlib import Path
from bench.rig.cloud_process import CloudProcess
with CloudProcess(Path(sys.argv[1])) as cloud:
    print(cloud.address, flush=True)
    time.sleep(600)
"""


def manifest() -> pb.Manifest:
    made = pb.Manifest(accuracy=93.0)
    made.uploads.add(format="jpeg", quality=90, mean_bytes=4000, accuracy=93.0)
    made.uploads.add(format="jpeg", quality=60, mean_bytes=2000, accuracy=92.1)
    made.uploads.add(format="webp", quality=10, mean_bytes=900, accuracy=88.0)
    cut = made.cuts.add(name="connector")
    cut.codecs.add(name="int8-zstd", mean_bytes=2800, accuracy=92.8)
    cut.codecs.add(name="fp16-zstd", mean_bytes=5600, accuracy=93.0)
    return made


def test_the_rivals_are_the_cheapest_that_lose_at_most_a_point() -> None:
    assert cheapest_upload(manifest(), ("jpeg", "webp")).quality == 60
    assert cheapest_split(manifest()) == "connector/int8-zstd"


def test_where_none_is_good_enough_the_most_accurate_is_the_rival() -> None:
    assert cheapest_upload(manifest(), ("webp",)).quality == 10


def test_no_questions_make_no_demonstration() -> None:
    assert isthmus.main(["demo", "--questions", "0"]) == RequestError.exit_code


def test_a_cloud_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match="is not a bundle"), CloudProcess(tmp_path):
        pass


@pytest.mark.slow
def test_the_whole_demonstration(
    bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = tmp_path / "demo.json"
    options = [
        "--bundle",
        str(bundle_path),
        "--output",
        str(tmp_path / "demo"),
        "--questions",
        "2",
        "--json",
        str(figures),
    ]
    assert isthmus.main(["demo", *options]) == 0
    assert "Every request" in capsys.readouterr().out
    assert sorted(file.name for file in (tmp_path / "demo").iterdir()) == [
        "report.html",
        "scene-00.png",
        "scene-01.png",
    ]
    links = {run["name"]: run["outcomes"] for run in json.loads(figures.read_text())["links"]}
    assert list(links) == ["good link", "slow link", "poor link", "cloud killed"]
    for name in ("good link", "slow link", "poor link"):
        assert len(links[name]) == 2 * 5
        assert not any(o["failure"] for o in links[name])
        assert all((o["bytes_up"] > 0) == (o["route"] != "local") for o in links[name])
    lost = {o["strategy"] for o in links["cloud killed"] if o["failure"]}
    assert lost == {"upload", "split", "auto-remote"}
    assert all(o["after_kill"] for o in links["cloud killed"] if o["failure"])
    (rescued,) = (o for o in links["cloud killed"] if o["strategy"] == "split-or-local" and o["after_kill"])
    assert rescued["route"] == "local"
    assert rescued["note"]


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
