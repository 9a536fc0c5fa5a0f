"""Calls to the cloud over one gRPC channel: its errors become ours, and no call is without a limit of
time.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import grpc
from typing_extensions import Self

from protos import inference_pb2 as pb
from protos.connection.channel import error_of, open_channel
from protos.connection.peer import Peer
from protos.errors import IsthmusError, TooLarge, UnusableCloud
from protos.inference_pb2_grpc import InferenceStub

MAX_BYTES = 64 << 20
_MAX_REPLY_BYTES = 4 << 20
UNSENT = "unsent"  # the fact of an error that is true where it is known that no byte of the request left
# how gRPC says of a call that it was not begun
_BEFORE_SENDING = ("failed to connect to all addresses; last error: ", "errors resolving ")


class Cloud(Protocol):
    """The seam: what the orchestrator needs of a cloud."""

    def infer(self, request: pb.InferRequest, seconds: float) -> Generator[pb.InferReply, None, None]:
        """Call at once; replies as they come, the last of them Done; errors of protos/errors.py."""

    def cancel(self) -> None:
        """End the call that began last: whoever reads its replies gets an error. From any thread."""


class CloudClient:
    """A client of the Inference service at an address that `Peer.parse` reads, or of a peer with credentials.
    The channel connects at the first call, or at `connect`. For one thread at a time, but for `cancel`.

    Raises RequestError for what is no address, and for credentials that are none.
    """

    def __init__(self, peer: Peer | str, max_bytes: int = MAX_BYTES) -> None:
        self.peer, self._max_bytes = Peer.parse(peer) if isinstance(peer, str) else peer, max_bytes
        self._open()

    def _open(self) -> None:
        self._call: Any = None  # that began last
        self._channel = open_channel(self.peer, _options(self._max_bytes))
        self._stub = InferenceStub(self._channel)

    def connect(self) -> None:
        """Begin to connect in the background, so that the first call need not wait for it. Returns at
        once.
        """
        self._channel.subscribe(_ignore, try_to_connect=True)

    def infer(self, request: pb.InferRequest, seconds: float) -> Generator[pb.InferReply, None, None]:
        """Ask; the replies as they come, the last of them Done. The call begins at once; closing the iterator
        cancels it.

        Raises TooLarge, CloudError, UnusableCloud, DeadlineError, WrongBundle, UnknownFrame, RequestError;
        the fact UNSENT says where the request never left.
        """
        size = request.ByteSize()
        if size > self._max_bytes:
            raise TooLarge(
                f"the request has {size} bytes, at most {self._max_bytes} are sent; ask for a smaller "
                "upload or a cut",
                bytes=size,
                **{UNSENT: True},
            )
        self._call = self._stub.Infer(request, timeout=max(seconds, 0.0))
        return self._replies(self._call)

    def cancel(self) -> None:
        """End the call that `infer` began last, if it still runs: its reader gets a CloudError. From any
        thread.
        """
        if self._call is not None:
            self._call.cancel()

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

    def _replies(self, call: Any) -> Generator[pb.InferReply, None, None]:
        with self._errors():
            yield from _cancelled_when_left(call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            found = error_of(error, self.peer)
            found.facts[UNSENT] = _never_left(error)
            if isinstance(found, UnusableCloud) and error.code() is grpc.StatusCode.UNAVAILABLE:
                self._hang_up()
            raise found from error

    def _hang_up(self) -> None:
        """A channel that cannot connect tries for ever, with calls or without; a new one waits for a call."""
        self._channel.close()
        self._open()


def _never_left(error: grpc.RpcError) -> bool:
    """Whether this end says that a call found no connection; what is not known counts as sent."""
    told = str(error.details())
    return error.code() is grpc.StatusCode.UNAVAILABLE and told.startswith(_BEFORE_SENDING)


def _ignore(_: object) -> None:
    """What the channel's state is does not matter here."""


def _cancelled_when_left(call: Any) -> Iterator[pb.InferReply]:
    try:
        yield from call
    finally:
        call.cancel()


def _options(max_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_send_message_length", max_bytes),
        ("grpc.max_receive_message_length", _MAX_REPLY_BYTES),
        ("grpc.default_compression_algorithm", 0),  # the payload is coded already
    ]


def bytes_left(request: pb.InferRequest, error: IsthmusError) -> int:
    """How many bytes of a request that failed left the device, at most: none, or all of them."""
    return 0 if error.facts.get(UNSENT) else request.ByteSize()
