"""What a split measured, beside a bundle's manifest and no part of its identity: measurements.json."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from protos import bundle_pb2 as pb
from protos.errors import BundleDamaged, BundleTooOld
from protos.files import write_whole
from protos.mistaken import split_again
from protos.pictures.upload_formats import UPLOAD_FORMATS, Coding

FORMAT = 2  # since fidelity took the place of identical answers
MEASUREMENTS = "measurements.json"
# what an accuracy is of: `measure`
EXACT_MATCH, FIDELITY, LABEL_FIDELITY, COSINE = "exact match", "fidelity", "label fidelity", "cosine"
_MAX_BYTES = 4 << 20
_SIGNED = {"accuracy", "accuracy_low", "accuracy_high"}  # a mean cosine may be negative
# of what nobody measured
ASSUMED_MS = 10.0  # each part, on the device and in the cloud
ASSUMED_ACCURACY = 100.0
ASSUMED_BYTES_PER_PIXEL = 0.25


def read_measurements(folder: Path, digest: str, manifest: pb.Manifest) -> pb.Measurements:
    """Those of the bundle in a folder. Raises BundleDamaged for a file that is absent, broken, or another
    bundle's, BundleTooOld for one whose accuracies mean something else.
    """
    try:
        with (folder / MEASUREMENTS).open("rb") as stream:
            raw = stream.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise ValueError(f"it has more than {_MAX_BYTES} bytes")
        found = json_format.Parse(raw, pb.Measurements(), ignore_unknown_fields=True)
        _check(found, digest, manifest)
    except FileNotFoundError as error:
        raise _unusable(folder, "it is not there") from error
    except OSError as error:
        raise _unusable(folder, f"it cannot be read: {error.strerror}") from error
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise _unusable(folder, str(error)) from error
    if found.format != FORMAT:
        message = (
            f"{folder / MEASUREMENTS} has format {found.format or 1}, this version reads only {FORMAT}, "
            f"whose losses mean something else; split the model again: {split_again(folder, manifest.model)}"
        )
        raise BundleTooOld(message, format=found.format)
    return found


def write_measurements(folder: Path, measured: pb.Measurements, digest: str) -> None:
    """Those of the bundle of this digest, into its folder."""
    measured.bundle, measured.format = digest, FORMAT
    text = json_format.MessageToJson(measured, indent=1, preserving_proto_field_name=True, sort_keys=True)
    write_whole(folder / MEASUREMENTS, text + "\n")


def assumed(digest: str, manifest: pb.Manifest) -> pb.Measurements:
    """What is believed of a bundle that brings no measurements: every part takes as long as any, codecs send
    all they may, uploads a quarter of a byte a pixel, and nothing is lost.
    """
    pixels = next((math.prod(spec.shape[1:]) for piece in manifest.pieces for spec in piece.inputs), 0)
    believed = pb.Measurements(bundle=digest, measure=EXACT_MATCH, accuracy=ASSUMED_ACCURACY, mean_tiles=1)
    for cut in manifest.cuts:
        entry = believed.cuts[cut.name]
        entry.piece_milliseconds = entry.cloud_milliseconds = ASSUMED_MS
        for codec in cut.codecs:
            most = sum(tensor.max_bytes for tensor in codec.tensors)
            entry.codecs[codec.name].MergeFrom(_codec(most))
    for kind in UPLOAD_FORMATS.values():
        for quality in kind.qualities:
            believed.uploads.add(
                format=kind.name,
                quality=quality,
                mean_bytes=ASSUMED_BYTES_PER_PIXEL * pixels,
                accuracy=ASSUMED_ACCURACY,
                encode_milliseconds=ASSUMED_MS,
            )
    if manifest.HasField("local"):
        believed.local.accuracy = ASSUMED_ACCURACY
        believed.local.prefill_milliseconds = believed.local.token_milliseconds = ASSUMED_MS
    cost = pb.CloudCost(
        vision_milliseconds=ASSUMED_MS, prefill_milliseconds=ASSUMED_MS, token_milliseconds=ASSUMED_MS
    )
    believed.cloud_cost.CopyFrom(cost)
    return believed


def coding_of(upload: pb.MeasuredUpload) -> Coding:
    """How an upload was encoded; the name of its route is behind `upload@`."""
    return Coding(upload.format, upload.quality, upload.scale or 1.0)


def accuracy_word(measure: str) -> str:
    """What stands above a column of accuracies, and behind one: `93.4% right`."""
    return "right" if measure in ("", EXACT_MATCH) else measure


def _codec(mean_bytes: float) -> pb.MeasuredCodec:
    return pb.MeasuredCodec(mean_bytes=mean_bytes, accuracy=ASSUMED_ACCURACY, encode_milliseconds=ASSUMED_MS)


def _check(found: pb.Measurements, digest: str, manifest: pb.Manifest) -> None:
    """Raise ValueError unless they are of this bundle, of all of it, and numbers."""
    if found.bundle != digest:
        raise ValueError(f"it is of bundle {found.bundle[:12] or 'none'}, this one is {digest[:12]}")
    for cut in manifest.cuts:
        codecs = found.cuts[cut.name].codecs if cut.name in found.cuts else {}
        absent = [codec.name for codec in cut.codecs if codec.name not in codecs]
        if absent:
            raise ValueError(f"it lacks {cut.name}/{absent[0]}")
    if found.HasField("local") != manifest.HasField("local"):
        raise ValueError("it and the manifest disagree about local answers")
    if not found.mean_tiles:
        raise ValueError("it does not say into how many tiles pictures were cut")
    for upload in found.uploads:
        if upload.scale > 1:
            raise ValueError(f"upload {coding_of(upload)} is larger than the picture")
    for name, number in _numbers(found):
        if not math.isfinite(number) or (number < 0 and name not in _SIGNED):
            raise ValueError(f"{name} is {number}")


def _numbers(message: Message) -> Iterator[tuple[str, float]]:
    """Every number in a message and in those inside it, by its field."""
    for field, value in message.ListFields():
        for one in _values(value):
            if isinstance(one, Message):
                yield from _numbers(one)
            elif isinstance(one, int | float):
                yield field.name, one


def _values(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, Message | str | int | float):
        yield value
    else:
        yield from value


def _unusable(folder: Path, why: str) -> BundleDamaged:
    message = f"{folder / MEASUREMENTS} cannot be used ({why}); copy it from where the bundle was split"
    return BundleDamaged(message, file=MEASUREMENTS)
