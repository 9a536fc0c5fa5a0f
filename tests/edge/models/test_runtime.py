import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import isthmus
from edge.costs.measure import measure
from edge.models import runtime
from edge.models.head import Head
from edge.models.local_model import LocalModel
from edge.models.providers import CHOICES
from edge.requests.orchestrator import Orchestrator
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import BundleDamaged, RequestError


def test_every_number_of_threads_gives_the_same(bundle_path: Path) -> None:
    path, pixels = first_piece(bundle_path)
    first, second = (runtime.session(path, threads).run(None, pixels) for threads in (1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_session_has_the_threads_that_it_is_given_and_they_sleep_when_it_has_run(bundle_path: Path) -> None:
    path, pixels = first_piece(bundle_path)
    program = f"""
import os, time
from pathlib import Path
from edge.models import runtime
threads = lambda: len(os.listdir("/proc/self/task"))
one, first = runtime.session(Path({str(path)!r}), 1), threads()
three, second = runtime.session(Path({str(path)!r}), 3), threads()
import numpy as np
three.run(None, {{"pixels": np.zeros({pixels["pixels"].shape!r}, np.float32)}})
begun = time.process_time()
time.sleep(0.3)
print(second - first, time.process_time() - begun < 0.01)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["2", "True"]


def first_piece(bundle_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """The first piece of the head, and what it takes."""
    bundle = Bundle.open(bundle_path)
    pixels = np.zeros((1, *bundle.manifest.pieces[0].inputs[0].shape), np.float32)
    return bundle.file(bundle.manifest.pieces[0].path), {"pixels": pixels}


@pytest.mark.parametrize("content", [b"", b"not a graph" * 99, b"\x08\x07\x12\x00"])
def test_a_file_that_is_no_graph_is_a_damaged_bundle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "piece.onnx"
    path.write_bytes(content)

    with pytest.raises(
        BundleDamaged, match=r"piece\.onnx is not an ONNX file .*; fetch or split the bundle again"
    ):
        runtime.session(path)


@pytest.mark.parametrize("choice", ["", "auto", "cpu"])
def test_a_head_runs_on_the_cpu_of_a_machine_that_has_nothing_else(bundle_path: Path, choice: str) -> None:
    bundle = Bundle.open(bundle_path)
    placement = runtime.place(bundle, bundle.manifest.precision, choice)
    assert list(placement.providers) == [("CPUExecutionProvider", {})]


def test_a_provider_that_this_onnxruntime_lacks_is_answered_with_those_it_has(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    for opened in (Head, LocalModel):
        with pytest.raises(RequestError, match=r"no cuda provider, it has: cpu; .*install onnxruntime-gpu"):
            opened(bundle, provider="cuda")


def test_a_provider_goes_from_the_orchestrator_and_the_profile_to_the_models(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    with pytest.raises(RequestError, match="no cuda provider"):
        Orchestrator(bundle, None, DeviceProfile.from_bundle(bundle), provider="cuda").prepare()
    with pytest.raises(RequestError, match="no tensorrt provider"):
        measure(bundle, seconds=0, provider="tensorrt")


def test_the_environment_names_a_provider_where_the_command_does_not(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_PROVIDER", "tensorrt")
    with pytest.raises(RequestError, match="no tensorrt provider"):
        Head(Bundle.open(bundle_path))


@pytest.mark.parametrize("command", ["ask", "edge"])
def test_the_commands_offer_every_provider(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ask", "--help"] if command == "ask" else ["edge", "profile", "--help"]
    with pytest.raises(SystemExit):
        isthmus.main(words)
    assert "{" + ",".join(CHOICES) + "}" in capsys.readouterr().out
