"""Calls to the cloud over one gRPC channel: its errors become ours, and no call is without a limit of
time.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, Self

import grpc

from protos import inference_pb2 as pb
from protos.address import check_peer
from protos.errors import (
    CloudBusy,
    CloudError,
    DeadlineError,
    IsthmusError,
    RequestError,
    TooLarge,
    UnknownFrame,
    WrongBundle,
)
from protos.inference_pb2_grpc import InferenceStub
from protos.keepalive import client_options

MAX_BYTES = 64 << 20
_MAX_REPLY_BYTES = 4 << 20

_ERRORS: dict[grpc.StatusCode, type[IsthmusError]] = {
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
    grpc.StatusCode.FAILED_PRECONDITION: WrongBundle,
    grpc.StatusCode.NOT_FOUND: UnknownFrame,
    grpc.StatusCode.INVALID_ARGUMENT: RequestError,
    grpc.StatusCode.OUT_OF_RANGE: RequestError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: CloudBusy,
}


class Cloud(Protocol):
    """The seam: what the orchestrator needs of a cloud."""

    def infer(self, request: pb.InferRequest, seconds: float) -> Generator[pb.InferReply, None, None]:
        """Replies as they come, the last of them Done; errors of protos/errors.py."""


class CloudClient:
    """A client of the Inference service at HOST:PORT. The channel connects at the first call, or at
    `connect`. Raises RequestError for what is no address.
    """

    def __init__(self, address: str, max_bytes: int = MAX_BYTES) -> None:
        check_peer(address)
        self.address, self._max_bytes = address, max_bytes
        self._channel = grpc.insecure_channel(address, options=_options(max_bytes))
        self._stub = InferenceStub(self._channel)

    def connect(self) -> None:
        """Begin to connect in the background, so that the first call need not wait for it. Returns at
        once.
        """
        self._channel.subscribe(_ignore, try_to_connect=True)

    def infer(self, request: pb.InferRequest, seconds: float) -> Generator[pb.InferReply, None, None]:
        """Ask; the replies as they come, the last of them Done. Closing the iterator cancels the call.

        Raises TooLarge, CloudError, DeadlineError, WrongBundle, UnknownFrame, RequestError.
        """
        size = request.ByteSize()
        if size > self._max_bytes:
            raise TooLarge(
                f"the request has {size} bytes, at most {self._max_bytes} are sent; ask for a smaller "
                "upload or a cut",
                bytes=size,
            )
        with self._errors():
            yield from _cancelled_when_left(self._stub.Infer(request, timeout=max(seconds, 0.0)))

    def converse(
        self, requests: Iterator[pb.InferRequest], seconds: float | None = None
    ) -> Iterator[pb.InferReply]:
        """Many requests over one stream; replies carry the request's id and may interleave. Unlimited unless
        told.
        """
        with self._errors():
            yield from _cancelled_when_left(self._stub.Converse(requests, timeout=seconds))

    def embed(self, request: pb.EmbedRequest, seconds: float) -> pb.EmbedReply:
        """Where a picture or texts lie in the space of a dual encoder. Raises as `infer`."""
        with self._errors():
            reply: pb.EmbedReply = self._stub.Embed(request, timeout=max(seconds, 0.0))
            return reply

    def describe(self, seconds: float) -> pb.DescribeReply:
        """What is served there, and how loaded it is."""
        with self._errors():
            reply: pb.DescribeReply = self._stub.Describe(pb.DescribeRequest(), timeout=seconds)
            return reply

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            raise _translated(error, self.address) from error


def _cancelled_when_left(call: Any) -> Iterator[pb.InferReply]:
    try:
        yield from call
    finally:
        call.cancel()


def _translated(error: grpc.RpcError, address: str) -> IsthmusError:
    """Our error for a failed call, the server's own words in it."""
    code, details = error.code(), error.details() or "no details"
    kind = _ERRORS.get(code, CloudError)
    # gRPC's own words for a message over the receiver's limit
    if kind is CloudBusy and "larger than max" in details:
        kind = TooLarge
    if kind is CloudError:
        text = (
            f"the cloud at {address} did not answer ({code.name}: {details}); check the address, and "
            "that it runs"
        )
    elif kind is DeadlineError:
        text = (
            f"the cloud at {address} did not answer in time ({details}); allow more time, or a local answer"
        )
    else:
        text = f"the cloud at {address} refused: {details}"
    return kind(text, address=address, status=code.name)


def _options(max_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_send_message_length", max_bytes),
        ("grpc.max_receive_message_length", _MAX_REPLY_BYTES),
        # a lost call becomes a local answer; a hidden second try would eat its time
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),  # a device's environment must not reroute its pictures
        ("grpc.default_compression_algorithm", 0),  # the payload is coded already
        ("grpc.use_local_subchannel_pool", 1),  # one client's back-off is not another's
        *client_options(),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 2_000),  # also what one attempt to connect may take
        ("grpc.max_reconnect_backoff_ms", 5_000),
    ]


def _ignore(_: object) -> None:
    """What the channel's state is does not matter here."""
