"""Boundary tensors to bytes and back: the sole owner of what is on the wire.

A codec's encoder (an ONNX graph, run by the device) turns a boundary into small integers ("codes"); `encode`
turns codes into bytes, `decode` turns bytes into the floats that the tail takes. Shapes and limits come from
the manifest, never from the sender.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from protos import bundle_pb2 as pb
from protos.codec.fitted import Fitted, Learned, Level, Stored, Synthesis, finite, read_level, read_synthesis
from protos.codec.payload import Codes, Floats, Frame, names
from protos.codec.plain import Fp16Zstd, Int8Zstd, max_bytes
from protos.codec.rans_loops import compile_loops
from protos.codec.refiner import Refiner
from protos.errors import BundleDamaged, PayloadError, UnknownName

__all__ = [
    "KINDS",
    "Codec",
    "Codes",
    "Fitted",
    "Floats",
    "Fp16Zstd",
    "Frame",
    "Int8Zstd",
    "Learned",
    "Level",
    "Refiner",
    "Synthesis",
    "codes_name",
    "kind",
    "max_bytes",
    "receiver",
    "sender",
    "unpack",
]

Codec = Int8Zstd | Fp16Zstd | Fitted
Find = Callable[[str], Path]  # a bundle's path -> the file's place, as Bundle.file
_TRANSFORMS = {one.name: one for one in (Fitted, Learned)}
KINDS = (Int8Zstd.name, Fp16Zstd.name, *_TRANSFORMS)


def kind(spec: pb.Codec) -> str:
    """Which of KINDS a codec is; its levels have names of their own."""
    return spec.kind or spec.name


def codes_name(tensor: str) -> str:
    """The output of an encoder that holds a tensor's codes; its inputs are the boundary's tensors and what
    `feed` names.
    """
    return f"codes/{tensor}"


def sender(spec: pb.Codec, find: Find) -> Codec:
    """The sender's half of a codec, which can encode only. Raises UnknownName, or BundleDamaged for a broken
    file.
    """
    if kind(spec) == Int8Zstd.name:
        return Int8Zstd(spec, {}, {})
    if kind(spec) == Fp16Zstd.name:
        return Fp16Zstd(spec)
    if made := _TRANSFORMS.get(kind(spec)):
        return made(spec, _levels(spec, find), {})
    raise UnknownName("codec", spec.name, list(KINDS))


def receiver(spec: pb.Codec, find: Find) -> Codec:
    """Both halves of a codec. Raises UnknownName, or BundleDamaged for a broken file."""
    if kind(spec) == Int8Zstd.name:
        with _reading(find(spec.receiver)) as stored:
            scales, zeros = (
                {name: finite(stored[f"{part}/{name}"]) for name in names(spec)} for part in ("scale", "zero")
            )
            return Int8Zstd(spec, scales, zeros)
    if made := _TRANSFORMS.get(kind(spec)):
        with _reading(find(spec.receiver)) as stored:
            return made(
                spec, _levels(spec, find), {name: read_synthesis(stored, name) for name in names(spec)}
            )
    return sender(spec, find)


def unpack(
    half: Codec, payloads: Mapping[str, bytes], tiles: int = 1, reference: Frame | None = None
) -> tuple[dict[str, Floats], Frame | None]:
    """Payloads to boundary tensors (tiles * tokens, width), and the frame that was sent, if another may be
    coded against it.

    Raises PayloadError or TooLarge for bytes that are not ours, and for a reference where the codec knows
    none.
    """
    if isinstance(half, Fitted):
        sent = half.unpack(payloads, tiles, reference)
        return half.tensors(sent), sent
    if reference is not None:
        raise PayloadError(f"codec {half.name} codes no frame against another; send a key frame")
    return half.decode(payloads, tiles), None


def _levels(spec: pb.Codec, find: Find) -> dict[str, Level]:
    compile_loops()
    with _reading(find(spec.sender)) as stored:
        return {name: read_level(stored, spec.name, name) for name in names(spec)}


@contextmanager
def _reading(path: Path) -> Iterator[Stored]:
    """An .npz, opened without pickle; whatever is wrong with it is a damaged bundle."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            yield stored
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BundleDamaged(
            f"{path} does not hold the tables of its codec ({error}); split the model again", file=str(path)
        ) from error
