"""A codec fitted to one cut: its encoder, its entry in the manifest, its files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx

from protos import bundle_pb2 as pb
from protos import codec as wire
from protos.codec import zstd
from splitter.codecs.arrays import Tensors
from splitter.graph.chain import Arrays


class Coding(Protocol):
    """A codec fitted to one cut."""

    name: str

    def encoder(self) -> onnx.ModelProto | None:
        """The graph from boundary to codes, the same for all codecs of a kind; None where there is none."""

    def describe(self, boundary: Tensors, /) -> pb.Codec:
        """The manifest's entry, without files and measurements."""

    def sender(self) -> Arrays:
        """What this codec adds to the sender's file of its kind; both halves read it."""

    def receiver(self) -> Arrays:
        """What the receiver's file of its kind holds besides, the same for all codecs of the kind."""


def describe_tensors(name: str, boundary: Tensors, dtype: str) -> pb.Codec:
    """The manifest's entry of a codec whose codes have the boundary's own shapes."""
    codec = pb.Codec(name=name)
    for tensor, values in boundary.items():
        spec = pb.TensorSpec(name=tensor, dtype=dtype, shape=values.shape[1:])
        raw = int(np.prod(values.shape[1:])) * np.dtype(dtype).itemsize
        codec.tensors.add(codes=spec, max_bytes=zstd.max_bytes(raw))
    return codec


def write(entry: pb.Cut, codings: Sequence[Coding], bundle: Path) -> None:
    """The files of a cut's codecs, into a bundle and its manifest.

    Those of one kind share an encoder, tables and weights.
    """
    for kind in dict.fromkeys(map(wire.kind, entry.codecs)):
        pairs = zip(entry.codecs, codings, strict=True)
        alike = [(spec, coding) for spec, coding in pairs if wire.kind(spec) == kind]
        name, (_, first) = f"codec-{entry.name}-{kind}", alike[0]
        tables = {key: array for _, coding in alike for key, array in coding.sender().items()}
        encoder = _write_encoder(bundle, f"edge/{name}.onnx", first.encoder())
        sender = _write_arrays(bundle, f"edge/{name}.npz", tables)
        receiver = _write_arrays(bundle, f"cloud/{name}.npz", first.receiver())
        for spec, _ in alike:
            spec.encoder, spec.sender, spec.receiver = encoder, sender, receiver


def _write_encoder(bundle: Path, path: str, model: onnx.ModelProto | None) -> str:
    """Gives the path, or nothing where there is nothing to write."""
    if model is None:
        return ""
    onnx.save(model, bundle / path)
    return path


def _write_arrays(bundle: Path, path: str, arrays: Arrays) -> str:
    if not arrays:
        return ""
    np.savez_compressed(bundle / path, **arrays)  # type: ignore[arg-type] # numpy's stub takes the names for allow_pickle
    return path
