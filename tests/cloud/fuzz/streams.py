"""Watch streams made hostile: an opening and frames, honest or not, of features that the service answers. All
follows from a seed and an index.
"""

import random
from collections.abc import Sequence

from protos import inference_pb2 as ip
from tests.cloud.fuzz.honest import Request
from tests.cloud.fuzz.mutations import COUNTS, FLOATS, OF_BYTES, SECRETS, TEXTS, damaged

_FRAMES = 12


def stream(seed: int, index: int, honest: Sequence[Request]) -> list[bytes]:
    """The messages of the stream of this number."""
    draw = random.Random(f"{seed}/stream/{index}")
    sent = [request for request in honest if isinstance(request, ip.InferRequest) and request.features.cut]
    shared = draw.choice([one for one in sent if "fitted" in one.features.codec])
    same = [one.features for one in sent if one.features.cut == shared.features.cut]
    first = _opening(shared)
    if draw.random() < 0.3:
        _spoil(draw, first)
    requests = [ip.WatchRequest(opening=first)]
    requests += [_frame(draw, number, draw.choice(same)) for number in range(1, _FRAMES)]
    if draw.random() < 0.1:
        draw.shuffle(requests)
    return [_sent(draw, request, number) for number, request in enumerate(requests)]


def _opening(shared: ip.InferRequest) -> ip.WatchOpening:
    return ip.WatchOpening(
        bundle=shared.bundle,
        cut=shared.features.cut,
        codec=shared.features.codec,
        question=shared.question,
        generation=shared.generation,
        labels=shared.labels,
        client_secret=shared.client_secret,
    )


def _spoil(draw: random.Random, opening: ip.WatchOpening) -> None:
    match draw.randrange(9):
        case 0:
            opening.bundle = draw.choice((b"", opening.bundle[:7], opening.bundle[:8], draw.randbytes(32)))
        case 1:
            opening.cut = draw.choice(TEXTS)
        case 2:
            opening.codec = draw.choice((*TEXTS, "int8-zstd", "fp16-zstd"))
        case 3:
            opening.rows, opening.columns = draw.choice(COUNTS), draw.choice(COUNTS)
        case 4:
            opening.question = draw.choice(TEXTS)
        case 5:
            opening.generation.temperature, opening.generation.top_p = (
                draw.choice(FLOATS),
                draw.choice(FLOATS),
            )
        case 6:
            opening.labels.extend(draw.choice(TEXTS) for _ in range(draw.choice((1, 30, 1100))))
        case 7:
            opening.client_secret = draw.choice(SECRETS)
        case _:
            opening.threshold, opening.silence = draw.choice(FLOATS), draw.choice(COUNTS)
            opening.frame_milliseconds = draw.choice((0, 1, 50, 2**32 - 1))
            opening.silence_milliseconds = draw.choice((0, 1, 50, 2**32 - 1))


def _frame(draw: random.Random, number: int, features: ip.Features) -> ip.WatchRequest:
    request = ip.WatchRequest(
        sequence=number,
        key_frame=draw.random() < 0.6,
        payloads=[payload.data for payload in features.payloads],
    )
    if draw.random() < 0.5:
        return request
    match draw.randrange(5):
        case 0:
            request.sequence = draw.choice(COUNTS)
        case 1:
            request.payloads[0] = damaged(draw, request.payloads[0])
        case 2:
            request.payloads.extend(request.payloads[:])
        case 3:
            del request.payloads[:]
        case _:
            request.opening.CopyFrom(ip.WatchOpening(cut=draw.choice(TEXTS)))
    return request


def _sent(draw: random.Random, request: ip.WatchRequest, number: int) -> bytes:
    message = request.SerializeToString()
    return draw.choice(OF_BYTES)(draw, message) if number and draw.random() < 0.1 else message
