"""Calls to the cloud over one gRPC channel: its errors become ours, and no call is without a limit of
time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import grpc
from google.protobuf.message import Message
from typing_extensions import Self

from edge.link.connection import Connection
from edge.link.time_limits import TimeLimit, TimeLimits
from edge.link.watching import FrameQueue, FrameStream
from protos import inference_pb2 as pb
from protos.connection.channel import error_of, open_channel
from protos.connection.peer import Peer
from protos.errors import CloudError, IsthmusError, TooLarge, UnusableCloud
from protos.trace_context import headers

MAX_BYTES = 64 << 20
_MAX_REPLY_BYTES = 4 << 20
UNSENT = "unsent"  # the fact of an error that is true where it is known that no byte of the request left
# how gRPC says of a call that it was not begun
_BEFORE_SENDING = ("failed to connect to all addresses; last error: ", "errors resolving ")


ReplyT = TypeVar("ReplyT", pb.InferReply, pb.WatchReply)


class Replies(Protocol):
    """A call that is under way: its replies as they come, the last of them Done. One thread reads them."""

    def __iter__(self) -> Iterator[pb.InferReply]: ...

    def close(self) -> None:
        """End the call, if it still runs: whoever reads its replies gets a CloudError. From any thread."""


class Cloud(Protocol):
    """The seam: what the orchestrator needs of a cloud. Many calls may be under way at once."""

    def infer(
        self, request: pb.InferRequest, seconds: float, silence_seconds: float | None = None
    ) -> Replies:
        """Call at once; what is read of it raises the errors of protos/errors.py. Without any reply in
        `silence_seconds` the connection counts as lost.
        """


class WatchingCloud(Cloud, Protocol):
    """A cloud that may take a camera's frames in a stream."""

    def watch(self, opening: pb.WatchOpening, seconds: float | None = None) -> FrameStream:
        """As `CloudClient.watch`."""


class CloudClient:
    """A client of the Inference service at an address that `Peer.parse` reads, or of a peer with credentials.
    The channel connects at the first call, or at `connect`. For any number of threads.

    Raises RequestError for what is no address, and for credentials that are none.
    """

    def __init__(self, peer: Peer | str, max_bytes: int = MAX_BYTES) -> None:
        self.peer, self._max_bytes = Peer.parse(peer) if isinstance(peer, str) else peer, max_bytes
        self._lock, self._closed, self._limits = Lock(), False, TimeLimits()
        self._connection: Connection | None = self._opened()

    def connect(self) -> None:
        """Begin to connect in the background, so that the first call need not wait for it. Returns at
        once.
        """
        with self._using() as connection:
            connection.channel.subscribe(_ignore, try_to_connect=True)

    def infer(
        self, request: pb.InferRequest, seconds: float, silence_seconds: float | None = None
    ) -> "CloudReplies[pb.InferReply]":
        """Ask; the replies as they come, the last of them Done. The call begins at once; it is to be read to
        its end, or closed. Where no reply comes in `silence_seconds`, it ends with a CloudError, and its
        connection is given up: the next call opens another.

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
        connection = self._entered()
        try:
            call = connection.stub.Infer(request, timeout=max(seconds, 0.0), metadata=headers())
        except BaseException:
            connection.leave()
            raise
        replies = CloudReplies[pb.InferReply](
            call, connection.leave, lambda error: self._failed(error, connection)
        )
        if silence_seconds is not None:
            replies.limit_silence(
                self._limits, silence_seconds, lambda: self._silent(silence_seconds, connection)
            )
        return replies

    def converse(
        self, requests: Iterator[pb.InferRequest], seconds: float | None = None
    ) -> Iterator[pb.InferReply]:
        """Many requests over one stream; replies carry the request's id and may interleave. Unlimited unless
        told.
        """
        with self._using() as connection:
            yield from _cancelled_when_left(connection.stub.Converse(requests, timeout=seconds))

    def watch(self, opening: pb.WatchOpening, seconds: float | None = None) -> FrameStream:
        """Frames of one camera, a question about each, in one call that begins at once; it is to be finished
        and read to its end, or closed. Raises CloudError; reading raises as `infer`. Unlimited unless told.
        """
        connection, frames = self._entered(), FrameQueue(opening)
        try:
            call = connection.stub.Watch(iter(frames), timeout=seconds, metadata=headers())
        except BaseException:
            connection.leave()
            raise
        replies = CloudReplies[pb.WatchReply](
            call, connection.leave, lambda error: self._failed(error, connection)
        )
        return FrameStream(
            frames, replies, self.peer, self._limits, lambda silence: self._silent(silence, connection)
        )

    def embed(self, request: pb.EmbedRequest, seconds: float) -> pb.EmbedReply:
        """Where a picture or texts lie in the space of a dual encoder. Raises as `infer`."""
        with self._using() as connection:
            reply: pb.EmbedReply = connection.stub.Embed(request, timeout=max(seconds, 0.0))
            return reply

    def describe(self, seconds: float) -> pb.DescribeReply:
        """What is served there, and how loaded it is."""
        with self._using() as connection:
            reply: pb.DescribeReply = connection.stub.Describe(pb.DescribeRequest(), timeout=seconds)
            return reply

    def close(self) -> None:
        """End every call that is under way, and let the channel go."""
        with self._lock:
            connection, self._connection, self._closed = self._connection, None, True
        if connection:
            connection.channel.close()
        self._limits.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> Connection:
        return Connection(open_channel(self.peer, _options(self._max_bytes)))

    def _entered(self) -> Connection:
        """The connection, with one more call on it; a new one after it was hung up. Raises CloudError."""
        with self._lock:
            if self._closed:
                raise CloudError(
                    f"the client of {self.peer} is closed; ask while it is open", **{UNSENT: True}
                )
            self._connection = self._connection or self._opened()
            self._connection.enter()
            return self._connection

    @contextmanager
    def _using(self) -> Iterator[Connection]:
        connection = self._entered()
        try:
            yield connection
        except grpc.RpcError as error:
            raise self._failed(error, connection) from error
        finally:
            connection.leave()

    def _failed(self, error: grpc.RpcError, connection: Connection) -> IsthmusError:
        """Our error for a call that failed."""
        found = error_of(error, self.peer)
        found.facts[UNSENT] = _never_left(error)
        broken = isinstance(found, UnusableCloud) or not found.facts[UNSENT]
        if broken and error.code() is grpc.StatusCode.UNAVAILABLE:
            self._hang_up(connection)
        return found

    def _silent(self, seconds: float, connection: Connection) -> CloudError:
        """Our error for a call that brought nothing in so many seconds."""
        self._hang_up(connection)
        return CloudError(
            f"the cloud at {self.peer} said nothing for {seconds:.1f} s, and its connection is given up; ask "
            "again, over another",
            address=str(self.peer),
            status=CloudError.status,
        )

    def _hang_up(self, connection: Connection) -> None:
        """A channel that cannot connect tries for ever, with calls or without; one whose packets vanish is
        found dead by its pings only, and one that was reset may break the next call too: it is given up, and
        the next call opens another. Calls that are under way on it go on to their end.
        """
        with self._lock:
            if self._connection is connection:
                self._connection = None
        connection.give_up()


class CloudReplies(Generic[ReplyT]):
    """The replies to one call of a CloudClient."""

    def __init__(
        self, call: Any, leave: Callable[[], None], failed: Callable[[grpc.RpcError], IsthmusError]
    ) -> None:
        """`leave` is called once, when the call has ended."""
        self._call, self._failed = call, failed
        self._leave: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._leave.put(leave)
        self._lock, self._heard = Lock(), False
        self._limit: TimeLimit | None = None
        self._silence: IsthmusError | None = None

    def limit_silence(self, limits: TimeLimits, seconds: float, lost: Callable[[], IsthmusError]) -> None:
        """End the call with an error where no reply has come in so many seconds from now."""
        self._limit = limits.after(seconds, lambda: self._end_silent(lost))

    @property
    def active(self) -> bool:
        """Whether the call goes on."""
        return bool(self._call.is_active())

    def __iter__(self) -> Iterator[ReplyT]:
        return self

    def __next__(self) -> ReplyT:
        try:
            reply: ReplyT = next(self._call)
        except StopIteration:
            self._ended()
            raise
        except grpc.RpcError as error:
            found = self._silence or self._failed(error)
            self._ended()
            raise found from error
        self._hear()
        return reply

    def close(self) -> None:
        """As `Replies` has it."""
        self._call.cancel()
        self._ended()

    def _hear(self) -> None:
        with self._lock:
            self._heard = True
        if self._limit:
            self._limit.cancel()

    def _end_silent(self, lost: Callable[[], IsthmusError]) -> None:
        with self._lock:
            if self._heard:
                return
            self._silence = lost()
        self._call.cancel()

    def _ended(self) -> None:
        self._hear()
        with suppress(Empty):
            self._leave.get_nowait()()


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
        # probes of the bandwidth from the cloud, a ping each: replies are a few words
        ("grpc.http2.bdp_probe", 0),
    ]


def bytes_left(request: Message, error: IsthmusError) -> int:
    """How many bytes of a request that failed left the device, at most: none, or all of them."""
    return 0 if error.facts.get(UNSENT) else request.ByteSize()
