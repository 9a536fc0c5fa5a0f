"""What each part of an answer takes on the device: a profile that was measured there, or the bundle's own
numbers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from protos import bundle_pb2 as pb
from protos.bundle import Bundle
from protos.errors import RequestError, WrongBundle

_MAX_BYTES = 1 << 20
# the device's policy has the same first guess, so that plan and policy predict the same
_GUESSED_PICTURE_MS = 2.0


@dataclass(frozen=True)
class DeviceTimes:
    """Milliseconds of every part."""

    pieces: Mapping[str, float]  # cut -> the piece that ends there, a tile, in the bundle's order
    encode: Mapping[str, float]  # CUT/CODEC, a tile; FORMAT-QUALITY
    prefill: float  # local: the prompt to the first token
    token: float  # local: each token after it
    machine: str
    measured: bool

    @classmethod
    def from_manifest(cls, manifest: pb.Manifest) -> Self:
        """What the machine that split the model took: a first guess."""
        encode = {
            f"{cut.name}/{codec.name}": codec.encode_milliseconds
            for cut in manifest.cuts
            for codec in cut.codecs
        }
        encode |= {f"{upload.format}-{upload.quality}": _GUESSED_PICTURE_MS for upload in manifest.uploads}
        pieces = {piece.cut: piece.milliseconds for piece in manifest.pieces}
        local = manifest.local
        return cls(
            pieces,
            encode,
            local.prefill_milliseconds,
            local.token_milliseconds,
            "the machine that split the model",
            False,
        )

    def head(self, cut: str | None) -> float:
        """Milliseconds of the chain up to a cut, or of all of it."""
        names = list(self.pieces)
        return sum(self.pieces[name] for name in (names if cut is None else names[: names.index(cut) + 1]))


def read_profile(path: Path, bundle: Bundle) -> DeviceTimes:
    """The profile that `isthmus edge profile BUNDLE -o FILE` wrote.

    Raises RequestError for a file that is none, WrongBundle for the profile of another bundle.
    """
    remedy = f"measure on the device with: isthmus edge profile {bundle.path} -o {path}"
    try:
        with path.open("rb") as stream:
            fields = json.loads(stream.read(_MAX_BYTES))
        digest, times = _text(fields, "digest"), _times(fields)
    except OSError as error:
        raise RequestError(
            f"the profile {path} cannot be read ({error.strerror}); {remedy}", path=str(path)
        ) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RequestError(f"{path} is not a device profile ({error}); {remedy}", path=str(path)) from error
    if digest != bundle.digest:
        message = f"{path} was measured with bundle {digest[:12]}, this one is {bundle.digest[:12]}; {remedy}"
        raise WrongBundle(message, path=str(path), digest=digest)
    if list(times.pieces) != [piece.cut for piece in bundle.manifest.pieces]:
        raise RequestError(
            f"{path} does not name the pieces of bundle {bundle.digest[:12]}; {remedy}", path=str(path)
        )
    return times


def _times(fields: Any) -> DeviceTimes:
    parts = {name: _costs(fields, name) for name in ("pieces", "encode_ms")}
    prefill, token = (_cost(fields[name], name) for name in ("prefill_ms", "token_ms"))
    return DeviceTimes(
        parts["pieces"],
        parts["encode_ms"],
        prefill,
        token,
        _text(fields, "machine"),
        fields.get("measured") is True,
    )


def _costs(fields: Any, name: str) -> dict[str, float]:
    if not isinstance(fields[name], dict):
        raise TypeError(f"{name} is not an object")
    return {part: _cost(cost, part) for part, cost in fields[name].items()}


def _cost(cost: Any, name: str) -> float:
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < float("inf"):
        raise ValueError(f"{name} is not a number of milliseconds")
    return float(cost)


def _text(fields: Any, name: str) -> str:
    if not isinstance(fields, dict) or not isinstance(fields.get(name), str):
        raise TypeError(f"no {name} in it")
    return str(fields[name])
