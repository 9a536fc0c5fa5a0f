from pathlib import Path

import pytest

from edge import config
from edge.models.providers import CHOICES, providers
from protos import bundle_pb2 as pb
from protos.errors import RequestError

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
EVERYTHING = ["AzureExecutionProvider", TENSORRT, CUDA, CPU]
ENGINES = Path("/cache/tensorrt/abc")

DYNAMIC = pb.Precision(precision="int8", quantization="dynamic", activations="u8")
FOR_CPU = pb.Precision(precision="int8", quantization="static", activations="u8", calibration_method="minmax")
FOR_TENSORRT = pb.Precision(
    precision="int8", quantization="static", activations="s8", calibration_method="minmax"
)
INT4, FP16, FP32 = (pb.Precision(precision=name) for name in ("int4", "fp16", "fp32"))


def names(choice: str, precision: pb.Precision, available: list[str] | None = None) -> list[str]:
    return [
        name
        for name, _ in providers(choice, EVERYTHING if available is None else available, precision, ENGINES)
    ]


def options(choice: str, precision: pb.Precision, device: int = 0) -> dict[str, dict[str, str]]:
    return dict(providers(choice, EVERYTHING, precision, ENGINES, device))


@pytest.mark.parametrize(
    ("precision", "best"),
    [
        (FP32, [TENSORRT, CUDA, CPU]),
        (FP16, [TENSORRT, CUDA, CPU]),
        (FOR_TENSORRT, [TENSORRT, CUDA, CPU]),
        (FOR_CPU, [CUDA, CPU]),
        (INT4, [CUDA, CPU]),
        (DYNAMIC, [CPU]),
    ],
    ids=lambda value: (
        "-".join(str(field) for _, field in value.ListFields()) if isinstance(value, pb.Precision) else None
    ),
)
def test_each_precision_goes_by_itself_where_it_runs_well(precision: pb.Precision, best: list[str]) -> None:
    assert names("auto", precision) == best


@pytest.mark.parametrize("precision", [FP32, FP16, FOR_TENSORRT, FOR_CPU, INT4, DYNAMIC])
def test_a_machine_without_a_gpu_uses_its_cpu(precision: pb.Precision) -> None:
    assert names("auto", precision, ["AzureExecutionProvider", CPU]) == [CPU]


@pytest.mark.parametrize("precision", [FP32, DYNAMIC])
def test_a_provider_asked_for_is_taken_whatever_the_precision(precision: pb.Precision) -> None:
    assert names("cpu", precision) == [CPU]
    assert names("cuda", precision) == [CUDA, CPU]
    assert names("tensorrt", precision) == [TENSORRT, CUDA, CPU]


def test_tensorrt_without_cuda_falls_back_to_the_cpu() -> None:
    assert names("tensorrt", FP32, [TENSORRT, CPU]) == [TENSORRT, CPU]


@pytest.mark.parametrize("precision", [FP32, FP16, DYNAMIC, FOR_CPU])
def test_tensorrt_computes_in_fp16_where_int8_does_not_pay(precision: pb.Precision) -> None:
    chosen = options("tensorrt", precision)[TENSORRT]
    assert (chosen["trt_fp16_enable"], chosen["trt_int8_enable"]) == ("1", "0")


def test_tensorrt_computes_in_int8_what_was_made_for_it_and_the_rest_in_fp16() -> None:
    chosen = options("auto", FOR_TENSORRT)[TENSORRT]
    assert (chosen["trt_fp16_enable"], chosen["trt_int8_enable"]) == ("1", "1")


def test_tensorrt_keeps_its_engines_and_timings_in_the_bundles_own_folder() -> None:
    chosen = options("auto", FP32)[TENSORRT]
    assert (chosen["trt_engine_cache_enable"], chosen["trt_engine_cache_path"]) == ("1", str(ENGINES))
    assert (chosen["trt_timing_cache_enable"], chosen["trt_timing_cache_path"]) == ("1", str(ENGINES))


def test_the_gpus_number_goes_to_both() -> None:
    chosen = options("auto", FP32, device=2)
    assert chosen[TENSORRT]["device_id"] == chosen[CUDA]["device_id"] == "2"
    assert chosen[CPU] == {}


def test_a_provider_that_is_missing_is_answered_with_those_that_are_there() -> None:
    with pytest.raises(
        RequestError,
        match="no tensorrt provider, it has: cpu, cuda; choose one of those, or install onnxruntime-gpu",
    ):
        providers("tensorrt", [CUDA, CPU], FP32, ENGINES)


def test_a_provider_that_is_unknown_is_answered_with_the_choices() -> None:
    with pytest.raises(RequestError, match=f"no provider 'rocm'; choose one of: {', '.join(CHOICES)}"):
        providers("rocm", EVERYTHING, FP32, ENGINES)


def test_without_a_place_engines_are_built_anew() -> None:
    (name, options), *_ = providers("tensorrt", EVERYTHING, FP32, None)
    assert name == TENSORRT
    assert not [option for option in options if "cache" in option]


def test_engines_of_two_bundles_lie_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", "/cache")
    assert config.engines_folder("a" * 64) == Path("/cache/tensorrt/aaaaaaaaaaaa")
    assert config.engines_folder("a" * 64) != config.engines_folder("b" * 64)


def test_the_environment_chooses_provider_and_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISTHMUS_PROVIDER", raising=False)
    monkeypatch.delenv("ISTHMUS_GPU", raising=False)
    assert (config.provider(), config.gpu()) == ("auto", 0)
    monkeypatch.setenv("ISTHMUS_PROVIDER", "cuda")
    monkeypatch.setenv("ISTHMUS_GPU", "1")
    assert (config.provider(), config.gpu()) == ("cuda", 1)
    monkeypatch.setenv("ISTHMUS_GPU", "first")
    with pytest.raises(RequestError, match="give 0 for the first"):
        config.gpu()
