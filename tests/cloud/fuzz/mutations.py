"""Honest requests made hostile. All follows from a seed and an index, so any message can be made again."""

import copy
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from protos import inference_pb2 as ip
from tests.cloud.fuzz.honest import METHODS, Request

TEXTS = (
    "",
    " ",
    "\0",
    "<image>",
    "a" * 3000,
    "\u202e",
    "🦓" * 300,
    "ab" * 32,
    "{label}",
    "{question}",
    "%s%n",
    "../..",
)
FLOATS = (float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 1e-45, 1e-30, 0.5, 1.0, 1.0000001, 3.4e38)
COUNTS = (0, 1, 2, 3, 17, 255, 65_536, 2**31, 2**32 - 1)
SECRETS = (b"", b"x", bytes(15), bytes(16), bytes(64), bytes(65), bytes(5000))
_VARINTS = (b"\x00", b"\x7f", b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\xff" * 11, b"\x80" * 9 + b"\x00")


@dataclass(frozen=True)
class Attack:
    """One message, and how it is sent."""

    index: int
    method: str
    message: bytes
    metadata: tuple[tuple[str, str | bytes], ...] = ()
    seconds: float = 60.0


def attack(seed: int, index: int, honest: Sequence[Request]) -> Attack:
    """The message of this number."""
    draw = random.Random(f"{seed}/{index}")
    request = copy.deepcopy(draw.choice(honest))
    method = METHODS[type(request)]
    for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
        draw.choice(_OF_REQUESTS)(draw, request, honest)
    message = request.SerializeToString()
    if draw.random() < 0.35:
        for _ in range(draw.choice((1, 1, 2, 5))):
            message = draw.choice(OF_BYTES)(draw, message)
    if draw.random() < 0.02:
        method = draw.choice(("Infer", "Embed", "Describe"))
    metadata = _metadata(draw) if draw.random() < 0.05 else ()
    return Attack(index, method, message, metadata, 0.02 if draw.random() < 0.01 else 60.0)


def _metadata(draw: random.Random) -> tuple[tuple[str, str | bytes], ...]:
    return draw.choice(
        (
            (("traceparent", "00-" + "f" * 5000),),
            (("authorization", "Bearer x"),),
            (("x-bin", bytes(range(256))),),
            tuple((f"k{number}", "v") for number in range(50)),
            (("grpc-trace-bin", b"\xff" * 100),),
        )
    )


def damaged(draw: random.Random, data: bytes) -> bytes:
    """Bytes of a payload, a picture or a message: some are others, missing, more, or twice."""
    place = draw.randrange(len(data) + 1)
    end = min(len(data), place + draw.choice((1, 2, 8, 100)))
    number = struct.pack(draw.choice(("<I", ">I")), draw.choice((0, 1, 0x7FFF, 0x7FFFFFFF, 0xFFFFFFFF)))
    damages = (
        data[:place] + draw.randbytes(1) + data[place + 1 :],
        data[:place] + draw.randbytes(end - place) + data[end:],
        data[:place] + number + data[place + 4 :],
        data[:place],
        data[:place] + data[end:],
        data[:end] + data[place:],
        data + draw.randbytes(draw.choice((1, 2, 100, 5000))),
    )
    return draw.choice(damages)


def header_damaged(draw: random.Random, data: bytes) -> bytes:
    """The same near the beginning, where sizes and kinds are told."""
    near = draw.choice((16, 64, 256))
    return damaged(draw, data[:near]) + data[near:]


def _wrong_field(draw: random.Random, data: bytes) -> bytes:
    """A field of a number and wire type that nobody expects, somewhere."""
    tag = bytes([draw.randrange(1, 16) << 3 | draw.randrange(8)])
    value = draw.choice((draw.choice(_VARINTS), draw.randbytes(draw.randrange(12)), b"\x02\x0a\x00"))
    place = draw.choice((0, len(data), draw.randrange(len(data) + 1)))
    return data[:place] + tag + value + data[place:]


def _many_fields(draw: random.Random, data: bytes) -> bytes:
    return data + draw.choice((b"\x0a\x00", b"\x42\x00", b"\x22\x02\x1a\x00", b"\x78\x01")) * draw.choice(
        (5, 500, 20_000)
    )


def _payload(draw: random.Random, request: Request, honest: Sequence[Request]) -> None:
    """Of the features or the picture, whichever there is."""
    damage = draw.choice((damaged, damaged, header_damaged))
    if request.HasField("picture"):
        request.picture.data = damage(draw, request.picture.data)
    elif request.features.payloads:
        payload = draw.choice(request.features.payloads)
        payload.data = damage(draw, payload.data)


def _features(draw: random.Random, request: Request, honest: Sequence[Request]) -> None:
    """What is said of the features is another's, or nobody's."""
    other = draw.choice(honest).features
    features = request.features
    match draw.randrange(8):
        case 0:
            features.cut = draw.choice((other.cut, *TEXTS))
        case 1:
            features.codec = draw.choice((other.codec, *TEXTS))
        case 2:
            features.rows, features.columns = draw.choice(COUNTS), draw.choice(COUNTS)
        case 3:
            features.reference = draw.choice(
                (other.reference, draw.randbytes(12), b"", damaged(draw, features.reference))
            )
        case 4:
            features.payloads.extend(other.payloads)
        case 5:
            del features.payloads[:]
        case 6:
            for payload in features.payloads:
                payload.name = draw.choice(TEXTS)
        case _:
            del features.payloads[:]
            features.payloads.extend(other.payloads)


def _input(draw: random.Random, request: Request, honest: Sequence[Request]) -> None:
    """Another input, or none."""
    other = draw.choice(honest)
    name = draw.choice(("features", "picture", "cached_frame", "none"))
    if name == "cached_frame":
        request.cached_frame = draw.choice((other.cached_frame, *(text.encode() for text in TEXTS)))
    elif name == "none":
        request.ClearField(request.WhichOneof("input") or "features")
    else:
        getattr(request, name).CopyFrom(getattr(other, name))


def _words(draw: random.Random, request: Request, honest: Sequence[Request]) -> None:
    """Texts and labels: too many, too long, of odd characters."""
    texts = [draw.choice(TEXTS) for _ in range(draw.choice((0, 1, 2, 30, 1100)))]
    if isinstance(request, ip.EmbedRequest):
        request.texts.texts.extend(texts)
        return
    match draw.randrange(4):
        case 0:
            request.question = draw.choice(TEXTS)
        case 1:
            request.labels.extend(texts)
        case 2:
            request.id = draw.choice(TEXTS)
        case _:
            request.question = "".join(
                chr(draw.randrange(32, 0x2FFF)) for _ in range(draw.choice((1, 40, 900)))
            )


def _generation(draw: random.Random, request: Request, honest: Sequence[Request]) -> None:
    if isinstance(request, ip.EmbedRequest):
        return
    generation = request.generation
    generation.temperature, generation.top_p = draw.choice(FLOATS), draw.choice(FLOATS)
    generation.seed = draw.choice((0, 1, 2**63, 2**64 - 1))
    if draw.random() < 0.1:
        generation.max_tokens = draw.choice(COUNTS)


def _names(draw: random.Random, request: Request, honest: Sequence[Request]) -> None:
    if draw.random() < 0.5:
        request.bundle = draw.choice((b"", bytes(8), bytes(5000), request.bundle[::-1], request.bundle[:-1]))
    else:
        request.client_secret = draw.choice(SECRETS)


_OF_REQUESTS: tuple[Callable[[random.Random, Any, Sequence[Request]], None], ...] = (
    _payload,
    _payload,
    _payload,
    _features,
    _input,
    _words,
    _generation,
    _names,
)
OF_BYTES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    damaged,
    damaged,
    header_damaged,
    _wrong_field,
    _many_fields,
)
