from pathlib import Path

import numpy as np
import pytest

from edge import runtime
from protos.bundle import Bundle
from protos.errors import BundleDamaged

CACHE = Path("/cache")


def test_the_best_provider_comes_first() -> None:
    available = ["CPUExecutionProvider", "AzureExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"]

    names = [name for name, _ in runtime.providers(available, CACHE)]

    assert names == ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]


def test_a_machine_without_a_gpu_uses_its_cpu() -> None:
    assert runtime.providers(["AzureExecutionProvider", "CPUExecutionProvider"], CACHE) == [("CPUExecutionProvider", {})]


def test_tensorrt_keeps_its_engines_and_computes_in_fp16() -> None:
    ((_, options),) = runtime.providers(["TensorrtExecutionProvider"], CACHE)

    assert options["trt_fp16_enable"] == "1"
    assert options["trt_engine_cache_enable"] == "1"
    assert options["trt_engine_cache_path"] == "/cache/tensorrt"


def test_every_session_runs_on_the_same_pool_whatever_it_asks_for(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    path = bundle.file(bundle.manifest.pieces[0].path)
    pixels = {"pixels": np.zeros((1, *bundle.manifest.pieces[0].inputs[0].shape), np.float32)}

    first, second = (runtime.session(path, threads).run(None, pixels) for threads in (1, 2))

    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("content", [b"", b"not a graph" * 99, b"\x08\x07\x12\x00"])
def test_a_file_that_is_no_graph_is_a_damaged_bundle(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "piece.onnx"
    path.write_bytes(content)

    with pytest.raises(BundleDamaged, match=r"piece\.onnx is not an ONNX file .*; fetch or split the bundle again"):
        runtime.session(path)
