"""Fit the codecs of a cut on calibration pictures, and write the receiver's half."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos import codec as wire
from splitter.cut import Quantiser

Tensors = Mapping[str, NDArray[np.float32]]

_MARGIN = 0.02  # of a channel's range, beyond what calibration saw


def fit_int8(calibration: Tensors) -> dict[str, Quantiser]:
    """Ranges of every channel (last axis) over the calibration set, by tensor name."""
    return {name: _fit(values.reshape(-1, values.shape[-1])) for name, values in calibration.items()}


def _fit(values: NDArray[np.float32]) -> Quantiser:
    low, high = values.min(0).astype(np.float64), values.max(0).astype(np.float64)
    margin = (high - low) * _MARGIN
    scale = np.maximum((high - low + 2 * margin) / 255, 1e-8)
    return Quantiser((low - margin).astype(np.float32), scale.astype(np.float32))


def describe(name: str, boundary: Tensors, dtype: str) -> pb.Codec:
    """The manifest's entry of a codec whose codes have the boundary's own shapes."""
    codec = pb.Codec(name=name)
    for tensor, values in boundary.items():
        spec = pb.TensorSpec(name=tensor, dtype=dtype, shape=values.shape[1:])
        raw = int(np.prod(values.shape[1:])) * np.dtype(dtype).itemsize
        codec.tensors.add(codes=spec, most_bytes=wire.most_bytes(raw))
    return codec


def write_receiver(path: Path, quantisers: Mapping[str, Quantiser]) -> None:
    """What `protos.codec.receiver` reads: `scale/TENSOR` and `zero/TENSOR`, the latter in steps of the former."""
    tables = {f"scale/{name}": q.scale for name, q in quantisers.items()}
    tables |= {f"zero/{name}": (-q.low / q.scale).astype(np.float32) for name, q in quantisers.items()}
    np.savez(path, **tables)  # type: ignore[arg-type] # numpy's stub takes the names for allow_pickle
