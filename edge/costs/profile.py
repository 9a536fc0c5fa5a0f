"""What each part of an answer costs on this device: the policy's numbers. `edge.costs.measure` makes them,
this module keeps them.
"""

import contextlib
import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge import config
from protos.bundle import Bundle
from protos.errors import RequestError, WrongBundle

_MAX_BYTES = 1 << 20
_GUESSED_PREPROCESS_MS = 20.0
_GUESSED_PICTURE_MS = 2.0


@dataclass(frozen=True)
class DeviceProfile:
    """Milliseconds of every part, for one bundle on one device."""

    pieces: dict[str, float]  # cut -> the piece that ends there, a tile, in the bundle's order
    encode_ms: dict[
        str, float
    ]  # CUT/CODEC -> codes to payloads, a tile; FORMAT-QUALITY -> the resized picture to a file
    # local: the prompt of a picture of 1280 x 960 to the first token; 0 where the bundle has no local part
    prefill_ms: float
    token_ms: float  # local: each token after it; of a dual encoder, each label to be read
    preprocess_ms: float  # a decoded picture of 1280 x 960 to the first piece's input
    machine: str
    threads: int
    digest: str  # of the bundle
    measured: bool = True  # False: a guess from the machine that split

    @classmethod
    def from_manifest(cls, bundle: Bundle) -> Self:
        """The bundle's own numbers, from the machine that split it: a first guess."""
        manifest = bundle.manifest
        encode = {
            f"{cut.name}/{codec.name}": codec.encode_milliseconds
            for cut in manifest.cuts
            for codec in cut.codecs
        }
        encode |= {f"{upload.format}-{upload.quality}": _GUESSED_PICTURE_MS for upload in manifest.uploads}
        return cls(
            pieces={piece.cut: piece.milliseconds for piece in manifest.pieces},
            encode_ms=encode,
            prefill_ms=manifest.local.prefill_milliseconds,
            token_ms=manifest.local.token_milliseconds,
            preprocess_ms=_GUESSED_PREPROCESS_MS,
            machine="the machine that split the model",
            threads=1,
            digest=bundle.digest,
            measured=False,
        )

    @classmethod
    def load(cls, path: Path, bundle: Bundle) -> Self:
        """A saved profile. Raises RequestError for a file that is none, WrongBundle for one of another
        bundle.
        """
        remedy = f"measure again with: isthmus edge profile {bundle.path}"
        profile = cls._read(path, remedy)
        if profile.digest != bundle.digest:
            message = (
                f"{path} was measured with bundle {profile.digest[:12]}, this one is "
                f"{bundle.digest[:12]}; {remedy}"
            )
            raise WrongBundle(message, path=str(path), digest=profile.digest)
        if list(profile.pieces) != [piece.cut for piece in bundle.manifest.pieces]:
            raise RequestError(
                f"{path} does not name the pieces of bundle {bundle.digest[:12]}; {remedy}", path=str(path)
            )
        return profile

    @classmethod
    def known(cls, bundle: Bundle) -> Self:
        """The profile measured on this device if there is one in its usual place, else the bundle's own
        numbers.
        """
        path = config.profile_file(bundle.digest)
        return cls.load(path, bundle) if path.exists() else cls.from_manifest(bundle)

    def save(self, path: Path) -> None:
        """Write as JSON; a reader sees the old file or the new one, never a part. Raises RequestError where
        it cannot be written.
        """
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n", encoding="utf-8")
            aside.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise RequestError(
                f"the profile cannot be written to {path} ({error.strerror}); choose another place with -o"
            ) from error

    @classmethod
    def _read(cls, path: Path, remedy: str) -> Self:
        try:
            with path.open("rb") as stream:
                fields = json.loads(stream.read(_MAX_BYTES))
            profile = cls(**fields)
            _check(profile)
        except OSError as error:
            raise RequestError(
                f"the profile {path} cannot be read ({error.strerror}); {remedy}", path=str(path)
            ) from error
        except (ValueError, TypeError) as error:
            raise RequestError(
                f"{path} is not a device profile ({error}); {remedy}", path=str(path)
            ) from error
        return profile


def _check(profile: DeviceProfile) -> None:
    """Raise ValueError or TypeError unless every field is what its name says."""
    parts = {**profile.pieces, **profile.encode_ms}
    for cost in (profile.prefill_ms, profile.token_ms, profile.preprocess_ms, *parts.values()):
        if not 0 <= cost < float("inf"):
            raise ValueError(f"{cost} is not a number of milliseconds")
    if not all(isinstance(text, str) for text in (profile.digest, profile.machine)):
        raise TypeError("digest and machine are not text")
