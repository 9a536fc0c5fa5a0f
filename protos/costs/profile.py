"""What each part of an answer takes on one device: measured there, or guessed from the machine that split."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos.bundle import Bundle
from protos.errors import RequestError, WrongBundle
from protos.files import json_of, write_file
from protos.measurements import coding_of

COMMAND = "edge profile"  # that writes them
_MAX_BYTES = 1 << 20
_GUESSED_PREPROCESS_MS = 20.0
_GUESSED_PIXELS_MS = 2.0


@dataclass(frozen=True)
class DeviceProfile:
    """Milliseconds of every part, for one bundle on one device."""

    pieces: Mapping[str, float]  # cut -> the piece that ends there, a tile, in the bundle's order
    # CUT/CODEC -> codes to payloads, a tile; FORMAT-QUALITY -> the resized picture to a file
    encode_ms: Mapping[str, float]
    # local: the prompt of a picture of 1280 x 960 to the first token; 0 where the bundle has no local part
    prefill_ms: float
    token_ms: float  # local: each token after it; of a dual encoder, each label to be read
    preprocess_ms: float  # a decoded picture of 1280 x 960 to the first piece's input, the pixels included
    machine: str
    threads: int
    digest: str  # of the bundle
    measured: bool = True  # False: a guess from the machine that split
    pixels_ms: float = 0.0  # the resized picture to the first piece's input, a tile
    # the model that answers locally has a vision part of its own, whose time is in `prefill_ms`
    own_vision: bool = False
    doubt: float = 0.0  # standard deviation of these times, as a part of each

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> Self:
        """The bundle's own numbers, from the machine that split it: a first guess."""
        return cls.from_measurements(bundle.manifest, bundle.measurements)

    @classmethod
    def from_measurements(cls, manifest: pb.Manifest, measured: pb.Measurements) -> Self:
        """The same without the bundle's files."""
        encode = {
            f"{cut}/{codec}": found.encode_milliseconds
            for cut, parts in measured.cuts.items()
            for codec, found in parts.codecs.items()
        }
        encode |= {str(coding_of(upload)): upload.encode_milliseconds for upload in measured.uploads}
        return cls(
            pieces={piece.cut: measured.cuts[piece.cut].piece_milliseconds for piece in manifest.pieces},
            encode_ms=encode,
            prefill_ms=measured.local.prefill_milliseconds,
            token_ms=measured.local.token_milliseconds,
            preprocess_ms=_GUESSED_PREPROCESS_MS,
            machine="the machine that split the model",
            threads=1,
            digest=measured.bundle,
            measured=False,
            pixels_ms=_GUESSED_PIXELS_MS,
            own_vision=manifest.local.HasField("own"),
        )

    def head_ms(self, cut: str | None) -> float:
        """From the resized picture along the chain of pieces up to a cut, or all of it, a tile."""
        names = list(self.pieces)
        reached = names if cut is None else names[: names.index(cut) + 1]
        return self.pixels_ms + sum(self.pieces[name] for name in reached)

    @property
    def local_head_ms(self) -> float:
        """Of the head, what a local answer needs a tile: all of it, or nothing."""
        return 0.0 if self.own_vision else self.head_ms(None)

    def answer_ms(self, tiles: float, after: str | None, tokens: float) -> float:
        """A local answer to a picture in so many tiles; `after`: the cut that the head has come to."""
        spared = self.head_ms(after) if after and not self.own_vision else 0.0
        head = self.local_head_ms - spared
        return tiles * head + self.prefill_ms + tokens * self.token_ms

    @classmethod
    def load(cls, path: Path, bundle: Bundle, *, usual: bool = False) -> Self:
        """A saved profile; `usual`: from the place where a device looks for it by itself.

        Raises RequestError for a file that is none, WrongBundle for the profile of another bundle.
        """
        command = f"on the device, measure again with: isthmus edge profile --bundle {bundle.path}"
        profile = cls._read(path, command if usual else f"{command} -o ANOTHER_FILE")
        remedy = command if usual else f"{command} -o {path}"
        if profile.digest != bundle.digest:
            message = (
                f"{path} was measured with bundle {profile.digest[:12]}, this one is {bundle.digest[:12]}; "
                f"{remedy}"
            )
            raise WrongBundle(message, path=str(path), digest=profile.digest)
        if list(profile.pieces) != [piece.cut for piece in bundle.manifest.pieces]:
            message = f"{path} does not name the pieces of bundle {bundle.digest[:12]}; {remedy}"
            raise RequestError(message, path=str(path))
        return profile

    def save(self, path: Path, *, usual: bool = False) -> None:
        """Write as JSON; a reader sees the old file or the new one, never a part. In its `usual` place, which
        is Isthmus' own, a damaged one is replaced.

        Raises RequestError where it cannot be written, or would take the place of something else.
        """
        text = json_of(COMMAND, dataclasses.asdict(self))
        write_file(path, text, None if usual else COMMAND)

    @classmethod
    def _read(cls, path: Path, remedy: str) -> Self:
        try:
            with path.open("rb") as stream:
                fields = json.loads(stream.read(_MAX_BYTES))
            fields.pop("generator", None)
            profile = cls(**fields)
            _check(profile)
        except OSError as error:
            message = f"the profile {path} cannot be read ({error.strerror}); {remedy}"
            raise RequestError(message, path=str(path)) from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            message = f"{path} is not a device profile ({error}); {remedy}"
            raise RequestError(message, path=str(path)) from error
        return profile


def _check(profile: DeviceProfile) -> None:
    """Raise ValueError or TypeError unless every field is what its name says."""
    if not all(isinstance(text, str) for text in (profile.digest, profile.machine)):
        raise TypeError("digest and machine are not text")
    if not all(isinstance(parts, dict) for parts in (profile.pieces, profile.encode_ms)):
        raise TypeError("pieces and encode_ms are not objects")
    for name in ("prefill_ms", "token_ms", "preprocess_ms", "pixels_ms", "doubt"):
        _check_cost(name, getattr(profile, name))
    for name, cost in (*profile.pieces.items(), *profile.encode_ms.items()):
        _check_cost(name, cost)


def _check_cost(name: str, cost: Any) -> None:
    if isinstance(cost, bool) or not isinstance(cost, int | float) or not 0 <= cost < float("inf"):
        raise ValueError(f"{name} is {cost!r}, not a number of milliseconds")
