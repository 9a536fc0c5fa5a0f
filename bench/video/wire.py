"""What a clip's frames take on the TCP connection, both ways and all counted, by each RPC that carries them.

A real service and the device's own client, with a link between them that counts bytes: HTTP/2's frames and
headers, window updates and pings, gRPC's prefixes, requests, replies. TCP's and IP's own headers are not.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from queue import SimpleQueue

from bench.codec.candidates.candidate import QUESTION
from bench.codec.candidates.tensors import Boundary
from bench.network.conditions import MEGABIT, Conditions
from bench.network.emulator import Link
from bench.rig.cloud_process import CloudProcess
from bench.video.clips import RATE
from edge.link.client import CloudClient
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import EncodedFrame, FrameCoder
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.errors import CloudError
from protos.limits import CLIENT_SECRET_BYTES
from protos.pictures.tiles import ONE_TILE

SILENCE = 24  # frames as before without a reply: one in five seconds
_ANY_CHANGE = 2.0  # the threshold for which no frame has changed: the model does not run
_PAUSE = 0.03  # seconds between frames, so that each is a write of its own, as a camera's are
_SETTLE = 1.0  # for what is under way after the last frame
_SECONDS = 60.0
_FAST = Conditions.steady(1000 * MEGABIT, round_trip=0.001)


@dataclass(frozen=True)
class WireResult:
    """One way to carry the frames of one kind of clip. Bytes a frame, the first one left out: its payload,
    and beside it what went up and what came down; `opening`: what the first one took beside its payload, both
    ways. `as_before`: part of the frames of which the cloud said that.
    """

    kind: str
    way: str
    payload: float
    up: float
    down: float
    opening: int
    as_before: float

    @property
    def beside(self) -> float:
        """Bytes a frame on the connection, both ways, beside the payload."""
        return self.up + self.down


@dataclass(frozen=True)
class _Sent:
    """A frame that was carried."""

    payload: int
    as_before: bool = False


class _Camera:
    """The frames of a clip, coded by one codec of a cut, each against the one before."""

    def __init__(self, bundle: Bundle, cut: str, codec: str, boundaries: Sequence[Boundary]) -> None:
        self.bundle, self.cut, self.codec, self._boundaries = bundle, cut, codec, boundaries
        self._coder, self._secret = FrameCoder(bundle, FeatureEncoders(bundle)), bytes(CLIENT_SECRET_BYTES)

    @property
    def last(self) -> int:
        """The number of the last frame, from 0."""
        return len(self._boundaries) - 1

    def frames(self) -> Iterator[EncodedFrame]:
        for boundary in self._boundaries:
            coded = self._coder.encode(self.cut, self.codec, boundary, ONE_TILE)
            yield coded
            self._coder.acknowledge(coded, coded.frame)

    def request(self, frame: EncodedFrame) -> ip.InferRequest:
        return ip.InferRequest(
            id="0" * 6,
            bundle=self.bundle.id,
            question=QUESTION,
            features=frame.message(),
            client_secret=self._secret,
        )


_Sending = Generator[_Sent, None, None]
_Way = Callable[[CloudClient, _Camera], _Sending]


def measure_wire(
    bundle: Bundle, cut: str, codec: str, clips: Mapping[str, Sequence[Boundary]]
) -> list[WireResult]:
    """Carry a clip of each kind, boundaries (tiles, ...) of its frames, by every way. Raises CloudError or
    BundleError.
    """
    with CloudProcess(bundle.path) as cloud, Link(cloud.address, _FAST) as link:
        return [
            _measured(kind, name, way, link, _Camera(bundle, cut, codec, boundaries))
            for kind, boundaries in clips.items()
            for name, way in _WAYS.items()
        ]


def _measured(kind: str, name: str, way: _Way, link: Link, camera: _Camera) -> WireResult:
    with CloudClient(link.address) as client:
        client.describe(_SECONDS)
        time.sleep(_PAUSE)
        began = _counts(link)
        with closing(way(client, camera)) as carried:
            first = next(carried)
            time.sleep(_PAUSE)
            first_up, first_down = up, down = _counts(link)
            others = list[_Sent]()
            for one in carried:
                others.append(one)
                time.sleep(_PAUSE)
                up, down = _counts(link)  # before the call ends
    payload = sum(one.payload for one in others)
    return WireResult(
        kind,
        name,
        payload / len(others),
        (up - first_up - payload) / len(others),
        (down - first_down) / len(others),
        first_up + first_down - sum(began) - first.payload,
        sum(one.as_before for one in others) / len(others),
    )


def _counts(link: Link) -> tuple[int, int]:
    return link.up.taken, link.down.taken


def _infer(client: CloudClient, camera: _Camera) -> _Sending:
    for frame in camera.frames():
        for _ in client.infer(camera.request(frame), _SECONDS):
            pass
        yield _Sent(_payload(frame))


def _converse(client: CloudClient, camera: _Camera) -> _Sending:
    requests = SimpleQueue[ip.InferRequest | None]()
    replies = client.converse(iter(requests.get, None), _SECONDS)
    for frame in camera.frames():
        requests.put(camera.request(frame))
        _check(next(reply for reply in replies if not reply.HasField("text")))
        yield _Sent(_payload(frame))
    requests.put(None)


def _watch(silence: int) -> _Way:
    def watch(client: CloudClient, camera: _Camera) -> _Sending:
        opening = ip.WatchOpening(
            bundle=camera.bundle.id,
            cut=camera.cut,
            codec=camera.codec,
            question=QUESTION,
            silence=silence,
            threshold=_ANY_CHANGE if silence else 0.0,
        )
        with closing(client.watch(opening, _SECONDS)) as stream:
            answers = iter(stream)
            for number, frame in enumerate(camera.frames()):
                stream.send(list(frame.payloads.values()), key_frame=not frame.reference)
                if silence and number:
                    time.sleep(_SETTLE if number == camera.last else 1 / RATE)
                    yield _Sent(_payload(frame))
                    continue
                answer = next(answers)
                if answer.error:
                    raise answer.error
                yield _Sent(_payload(frame), as_before=answer.done is None)

    return watch


def _check(reply: ip.InferReply) -> None:
    if reply.HasField("failure"):
        raise CloudError(f"a frame was not answered: {reply.failure.message}; measure again")


def _payload(frame: EncodedFrame) -> int:
    return sum(map(len, frame.payloads.values()))


_WAYS: Mapping[str, _Way] = {
    "Infer": _infer,
    "Converse": _converse,
    "Watch, a reply a frame": _watch(0),
    f"Watch, {SILENCE} silent": _watch(SILENCE),
}
