"""On the device: picture and question in, answer out. Never imports torch, transformers or onnx.

What a program needs is here by name, loaded when it is first used; `__init__.pyi` types it.
"""

import importlib

from protos.telemetry import opt_out

opt_out()

_PLACES = {
    "Answer": "edge.requests.answer",
    "AsyncOrchestrator": "edge.requests.asynchronous",
    "Cancellation": "edge.requests.cancellation",
    "Credentials": "protos.connection.peer",
    "Generation": "protos.inference_pb2",
    "IsthmusError": "protos.errors",
    "Labels": "protos.labels",
    "Orchestrator": "edge.requests.orchestrator",
    "Priority": "edge.requests.turn",
    "Rules": "protos.arms.rules",
    "Standing": "edge.link.standing",
    "View": "edge.requests.view",
    "Weights": "protos.costs.weights",
    "decode_picture": "edge.pictures.files",
    "open_orchestrator": "edge.requests.opening",
    "read_picture": "edge.pictures.files",
}
__all__ = list(_PLACES)


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])
