"""Pictures decoded in processes: killed where they take too long or too much, and replaced."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from bench.attack.inputs.pictures import endless_jpeg, png_of
from cloud.admission import picture_worker
from cloud.admission.picture_processes import PictureProcesses
from protos import bundle_pb2 as pb
from protos.errors import CloudError, PictureError, TooLarge
from tests.cloud.admission.attacks import never, work_in_little
from tests.cloud.calling import png

MANIFEST = pb.Manifest(limits=pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=1 << 20))
PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def pids() -> set[int]:
    return {child.pid or 0 for child in multiprocessing.active_children() if child.name == "picture decoder"}


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
        (stuck,) = pids()
        os.kill(stuck, signal.SIGSTOP)
        with pytest.raises(PictureError, match=r"takes more than 0.5 s to decode; save it again"):
            processes.decode(png(PIXELS), MANIFEST)
        assert stuck not in pids()


def test_a_decoder_that_died_is_replaced_before_it_is_asked() -> None:
    with PictureProcesses() as processes:
        (idle,) = pids()
        os.kill(idle, signal.SIGKILL)
        while pids():
            time.sleep(0.01)
        assert np.array_equal(processes.decode(png(PIXELS), MANIFEST), PIXELS)


def test_too_much_memory_is_the_pictures_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_worker, "work", work_in_little)
    large = pb.Manifest(limits=pb.Limits(max_picture_bytes=1 << 20, max_picture_pixels=1 << 26))
    with (
        PictureProcesses() as processes,
        pytest.raises(PictureError, match="too much memory"),
    ):
        processes.decode(png_of(4000, 4000), large)


def test_the_end_waits_for_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_worker, "work", never)
    with PictureProcesses() as processes:
        assert pids()
    assert not pids()
    with pytest.raises(CloudError, match="shutting down"):
        processes.decode(png(PIXELS), MANIFEST)


def test_a_worker_loads_no_model() -> None:
    heavy = "{'torch', 'transformers', 'onnx', 'grpc'} & set(sys.modules)"
    command = f"import sys, cloud.admission.picture_worker; sys.exit(bool({heavy}))"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
