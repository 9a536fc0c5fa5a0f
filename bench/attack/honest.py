"""The honest device: it asks about features, and looks whether the service is healthy, again and again."""

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench.rig.bundles import cheapest_split
from edge.link.client import CloudClient
from edge.models.head import Head
from edge.pictures.preprocess import Preprocessor
from edge.upload.feature_encoders import FeatureEncoders
from edge.upload.frame_coder import FrameCoder
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.connection.channel import open_channel
from protos.connection.peer import Peer
from protos.errors import CloudError, IsthmusError
from protos.limits import CLIENT_SECRET_BYTES
from splitter.nano.scenes import HELD_OUT_SEEDS, picture

DEADLINE_SECONDS = 10.0
_PAUSE_SECONDS, _HEALTH_PAUSE_SECONDS = 0.03, 0.2  # from one answer to the next question
_QUESTION, _TOKENS = "describe the image", 8
_LABELS = ("cat", "dog")  # of a bundle that has none of its own


class Sample(NamedTuple):
    """One question or health check: when it began, by the monotonic clock, how long it took, in seconds, and
    why it failed, if it did.
    """

    began: float
    seconds: float
    failure: str


def honest_request(bundle: Bundle) -> ip.InferRequest:
    """A drawn scene as the features of the cheapest split that loses at most a point. Raises BundleError."""
    bundle.check_measured()
    cut, _, codec = cheapest_split(bundle.measurements).partition("/")
    preprocessor = Preprocessor(bundle.manifest.preprocessing)
    resized = preprocessor.resize(picture(HELD_OUT_SEEDS).image)
    boundary = Head(bundle).run(preprocessor.pixels(resized), cut).boundary
    frame = FrameCoder(bundle, FeatureEncoders(bundle)).encode(
        cut, codec, boundary, preprocessor.grid(resized), key_frame=True
    )
    request = ip.InferRequest(
        bundle=bundle.id, features=frame.message(), client_secret=bytes(CLIENT_SECRET_BYTES)
    )
    if bundle.manifest.HasField("matching"):
        request.labels.extend(bundle.manifest.matching.labels or _LABELS)
    else:
        request.question = _QUESTION
        request.generation.max_tokens = _TOKENS
    return request


class HonestDevice:
    """Asks in two threads, with a connection each; runs inside `with`."""

    def __init__(self, address: str, request: ip.InferRequest) -> None:
        self._peer, self._request = Peer.parse(address), request
        self.answers: list[Sample] = []
        self.checks: list[Sample] = []
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, name="honest questions", daemon=True),
            threading.Thread(target=self._look, name="health checks", daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def until(self, enough: Callable[[Sequence[Sample]], bool], seconds: float) -> bool:
        """Wait until the answers so far are enough, so long at most; whether they are."""
        end = time.monotonic() + seconds
        while not (found := enough(self.answers)) and time.monotonic() < end:
            time.sleep(_PAUSE_SECONDS)
        return found

    def _ask(self) -> None:
        with CloudClient(self._peer) as client:

            def ask() -> None:
                for _ in client.infer(self._request, DEADLINE_SECONDS):
                    pass

            self._again_and_again(ask, self.answers, _PAUSE_SECONDS)

    def _look(self) -> None:
        with open_channel(self._peer) as channel:
            stub = health_pb2_grpc.HealthStub(channel)

            def look() -> None:
                reply = stub.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_SECONDS)
                if reply.status != health_pb2.HealthCheckResponse.SERVING:
                    raise CloudError("the service says that it is not healthy")

            self._again_and_again(look, self.checks, _HEALTH_PAUSE_SECONDS)

    def _again_and_again(self, work: Callable[[], None], samples: list[Sample], pause: float) -> None:
        while not self._over.is_set():
            began, failure = time.monotonic(), ""
            try:
                work()
            except (IsthmusError, grpc.RpcError) as error:
                failure = str(error)
            samples.append(Sample(began, time.monotonic() - began, failure))
            self._over.wait(pause)
