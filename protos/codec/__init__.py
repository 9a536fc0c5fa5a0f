"""Boundary tensors to bytes and back: the sole owner of what is on the wire.

A codec is one class in one file of `kinds/`, found by its name.
"""

from protos import bundle_pb2 as pb
from protos.arrays import Floats
from protos.codec import kinds
from protos.codec.interface import Codec, Find, FrameCodec
from protos.codec.payload import Codes, Frame
from protos.errors import UnknownName
from protos.registry import class_named, names_of

__all__ = [
    "Codec",
    "Codes",
    "Floats",
    "Frame",
    "FrameCodec",
    "check_kind",
    "codes_name",
    "kind",
    "kind_names",
    "receiver",
    "sender",
]


def kind_names() -> list[str]:
    """The codecs that there are."""
    return names_of(kinds)


def check_kind(name: str) -> None:
    """Raise UnknownName, with those that there are, for a codec that is not there."""
    if name not in kind_names():
        raise UnknownName("codec", name, kind_names())


def kind(spec: pb.Codec) -> str:
    """Which codec a manifest's entry is of; the levels of one kind have names of their own."""
    return spec.kind or spec.name


def codes_name(tensor: str) -> str:
    """The output of an encoder that holds a tensor's codes."""
    return f"codes/{tensor}"


def sender(spec: pb.Codec, find: Find) -> Codec:
    """The sender's half, which can encode only. Raises UnknownName, or BundleDamaged for a broken file."""
    return _class_of(spec).sender(spec, find)


def receiver(spec: pb.Codec, find: Find) -> Codec:
    """Both halves. Raises UnknownName, or BundleDamaged for a broken file."""
    return _class_of(spec).receiver(spec, find)


def _class_of(spec: pb.Codec) -> type[Codec]:
    name = kind(spec)
    check_kind(name)
    return class_named(kinds, Codec, name)  # type: ignore[type-abstract]
