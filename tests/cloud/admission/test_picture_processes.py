"""Pictures decoded in processes: killed where they take too long or too much, or say what none of ours says,
and replaced.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.attack.inputs.pictures import endless_jpeg, png_of
from cloud.admission import picture_processes
from cloud.admission.picture_processes import PictureProcesses
from protos import bundle_pb2 as pb
from protos.errors import CloudError, PictureError, TooLarge
from tests.cloud.admission import hostile_worker
from tests.cloud.calling import png

MANIFEST = pb.Manifest(limits=pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=1 << 20))
LARGE = pb.Manifest(limits=pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=1 << 26))
PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


HANGS = ("never", "half_a_reply")  # until they are killed
LIES = ("endless_reply", "other_pixels", "fewer_pixels", *hostile_worker.REPLIES)


@pytest.fixture
def hostile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that do what the parameter names."""
    monkeypatch.setattr(picture_processes, "_MODULE", hostile_worker.__name__)
    monkeypatch.setenv(hostile_worker.HOSTILE, request.param)


def pids() -> set[int]:
    """The workers of this process."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"worker" in (process / "cmdline").read_bytes():
                found.add(int(process.name))
    return found


def test_a_picture_comes_back_writable_as_it_was() -> None:
    with PictureProcesses() as processes:
        decoded = processes.decode(png(PIXELS), MANIFEST)
    assert np.array_equal(decoded, PIXELS)
    assert decoded.flags.writeable
    assert not pids()


def test_the_model_has_the_processor_before_a_decoder() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with PictureProcesses() as processes:
        processes.decode(png(PIXELS), MANIFEST)
        (decoder,) = pids()
        assert os.getpriority(os.PRIO_PROCESS, decoder) == min(own + 5, 19)


def test_a_refusal_comes_back_with_its_facts_and_costs_no_process() -> None:
    with PictureProcesses() as processes:
        before = pids()
        with pytest.raises(PictureError, match="scale it down") as refused:
            processes.decode(png_of(2000, 1000), MANIFEST)
        with pytest.raises(TooLarge, match="bytes"):
            processes.decode(bytes(2 << 20), MANIFEST)
        with pytest.raises(PictureError, match="scans"):
            processes.decode(endless_jpeg(scans=1000), MANIFEST)
        assert pids() == before
    assert refused.value.facts == {"width": 2000, "height": 1000}


def test_a_decoder_that_has_no_end_is_killed_and_replaced() -> None:
    with PictureProcesses(seconds=0.5) as processes:
        processes.decode(png(PIXELS), MANIFEST)
        (stuck,) = pids()
        os.kill(stuck, signal.SIGSTOP)
        with pytest.raises(PictureError, match=r"takes more than 0.5 s to decode; save it again"):
            processes.decode(png(PIXELS), MANIFEST)
        assert stuck not in pids()


def test_a_decoder_that_does_not_even_listen_is_killed_and_replaced() -> None:
    with PictureProcesses(seconds=0.5) as processes:
        processes.decode(png(PIXELS), MANIFEST)
        (stuck,) = pids()
        os.kill(stuck, signal.SIGSTOP)
        with pytest.raises(PictureError, match=r"takes more than 0.5 s to decode"):
            processes.decode(bytes(8 << 20), MANIFEST)  # more than the system holds for it
        assert stuck not in pids()


def test_a_decoder_that_died_is_replaced_before_it_is_asked() -> None:
    with PictureProcesses() as processes:
        (idle,) = pids()
        os.kill(idle, signal.SIGKILL)
        os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)
        assert np.array_equal(processes.decode(png(PIXELS), MANIFEST), PIXELS)


@pytest.mark.parametrize("hostile", HANGS, indirect=True)
@pytest.mark.usefixtures("hostile")
def test_one_that_hangs_in_the_middle_is_killed() -> None:
    with PictureProcesses(seconds=1.0) as processes:
        before = pids()
        with pytest.raises(PictureError, match="takes more than 1 s to decode"):
            processes.decode(png(PIXELS), MANIFEST)
        assert not before & pids()


@pytest.mark.parametrize("hostile", LIES, indirect=True)
@pytest.mark.usefixtures("hostile")
def test_one_that_replies_what_none_of_ours_does_is_killed_unbelieved() -> None:
    with PictureProcesses() as processes:
        before = pids()
        with pytest.raises(PictureError, match="broke its decoder; save it again"):
            processes.decode(png(PIXELS), LARGE)
        assert not before & pids()


@pytest.mark.parametrize("hostile", ["in_advance"], indirect=True)
@pytest.mark.usefixtures("hostile")
def test_a_reply_in_advance_is_never_read() -> None:
    with PictureProcesses() as processes:
        for _ in range(2):
            assert np.array_equal(processes.decode(png(PIXELS), MANIFEST), PIXELS)
            (worker,) = processes._idle
            assert worker._connection.poll(60)


@pytest.mark.parametrize("hostile", ["in_little_memory"], indirect=True)
@pytest.mark.usefixtures("hostile")
def test_too_much_memory_is_the_pictures_fault() -> None:
    with PictureProcesses() as processes, pytest.raises(PictureError, match="too much memory"):
        processes.decode(png_of(4000, 4000), LARGE)


@pytest.mark.parametrize("hostile", ["never"], indirect=True)
@pytest.mark.usefixtures("hostile")
def test_the_end_waits_for_no_decoder() -> None:
    with PictureProcesses() as processes:
        assert pids()
    assert not pids()
    with pytest.raises(CloudError, match="shutting down"):
        processes.decode(png(PIXELS), MANIFEST)


def test_a_script_that_holds_a_service_runs_once(tmp_path: Path) -> None:
    """Though nothing in it asks whether it is the main program."""
    script = tmp_path / "script.py"
    script.write_text(
        "import io\n"
        "from PIL import Image\n"
        "from cloud.admission.picture_processes import PictureProcesses\n"
        "from protos import bundle_pb2 as pb\n"
        "print('once', flush=True)\n"
        "stream = io.BytesIO()\n"
        "Image.new('RGB', (3, 2)).save(stream, 'PNG')\n"
        "limits = pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=1 << 20)\n"
        "with PictureProcesses() as processes:\n"
        "    print(processes.decode(stream.getvalue(), pb.Manifest(limits=limits)).shape)\n"
    )
    told = subprocess.run(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (told.stdout, told.stderr) == ("once\n(2, 3, 3)\n", "")


def test_a_worker_loads_no_model() -> None:
    heavy = "{'torch', 'transformers', 'onnx', 'grpc'} & set(sys.modules)"
    command = f"import sys, cloud.admission.picture_worker; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
