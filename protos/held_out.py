"""Held-out pictures in a bundle, with what is right about each: a device answers them to test itself."""

from pathlib import Path

from google.protobuf.message import DecodeError

from protos import bundle_pb2 as pb
from protos.bundle import EDGE, Bundle
from protos.errors import BundleDamaged, RequestError

HELD_OUT = f"{EDGE}held-out.pb"
MAX_HELD_OUT_BYTES = 1 << 20


def write_held_out(folder: Path, held_out: pb.HeldOut) -> None:
    """Into the folder of a bundle in the making, at most MAX_HELD_OUT_BYTES of it."""
    (folder / HELD_OUT).write_bytes(held_out.SerializeToString(deterministic=True))


def read_held_out(bundle: Bundle) -> pb.HeldOut:
    """Raises RequestError where a bundle has none, BundleDamaged."""
    entry = next((one for one in bundle.manifest.files if one.path == HELD_OUT), None)
    if entry is None:
        raise RequestError(
            f"bundle {bundle.digest[:12]} holds no pictures for a self-test; split it again with "
            "--self-test-pictures 16"
        )
    if entry.size > MAX_HELD_OUT_BYTES:
        raise BundleDamaged(
            f"bundle {bundle.path}: {HELD_OUT} has {entry.size} bytes, at most {MAX_HELD_OUT_BYTES} are "
            "read; do not use it",
            file=HELD_OUT,
            bundle=bundle.digest,
        )
    try:
        found = pb.HeldOut.FromString(bundle.file(HELD_OUT).read_bytes())
        if not found.pictures:
            raise DecodeError("no pictures")
    except DecodeError as error:
        raise BundleDamaged(
            f"bundle {bundle.path}: {HELD_OUT} holds no pictures; split it again",
            file=HELD_OUT,
            bundle=bundle.digest,
        ) from error
    return found
