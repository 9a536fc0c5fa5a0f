"""Several clouds as one, for calls that no decision is made for: of the outbox, and for embeddings."""

import contextlib
from collections.abc import Iterator, Sequence
from threading import Lock

from edge.link.client import UNSENT, CloudClient, Replies
from protos import inference_pb2 as pb
from protos.errors import CloudError, DeadlineError, IsthmusError, WrongBundle

ELSEWHERE = (CloudError, WrongBundle)  # what another cloud may help against


class FailoverClient:
    """Asks one cloud until it fails, then the next. Where a reply was lost, the next call goes to the same
    one: it knows what it said. From any thread.
    """

    def __init__(self, clients: Sequence[CloudClient]) -> None:
        self._clients, self._current = clients, clients[0]

    def infer(
        self, request: pb.InferRequest, seconds: float, silence_seconds: float | None = None
    ) -> Replies:
        """As `CloudClient.infer`; a cloud that is not reached, or serves another bundle, is left for the next
        within the call.
        """
        return _FailoverReplies(self, request, seconds, silence_seconds)

    def embed(self, request: pb.EmbedRequest, seconds: float) -> pb.EmbedReply:
        """As `CloudClient.embed`, of the first that answers; else the last one's error."""
        for _ in self._clients[1:]:
            client = self._current
            try:
                return client.embed(request, seconds)
            except ELSEWHERE:
                self.leave(client)
        return self._current.embed(request, seconds)

    def describe(self, seconds: float) -> list[pb.DescribeReply]:
        """What each cloud serves, of those that answer."""
        found = []
        for client in self._clients:
            with contextlib.suppress(IsthmusError):
                found.append(client.describe(seconds))
        return found

    @property
    def current(self) -> CloudClient:
        """The one that is asked now."""
        return self._current

    @property
    def count(self) -> int:
        return len(self._clients)

    def leave(self, client: CloudClient) -> None:
        """Ask the next one from now on."""
        if client is self._current:
            self._current = self._clients[(self._clients.index(client) + 1) % len(self._clients)]


class _FailoverReplies:
    """The replies of the first cloud that has any."""

    def __init__(
        self, clouds: FailoverClient, request: pb.InferRequest, seconds: float, silence_seconds: float | None
    ) -> None:
        self._clouds, self._asked = clouds, (request, seconds, silence_seconds)
        self._lock, self._closed = Lock(), False
        self._client = clouds.current
        self._replies: Replies = self._client.infer(*self._asked)

    def __iter__(self) -> Iterator[pb.InferReply]:
        yield from self._replies_of(self._clouds.count - 1)

    def close(self) -> None:
        """As `Replies` has it."""
        with self._lock:
            self._closed = True
        self._replies.close()

    def _replies_of(self, left: int) -> Iterator[pb.InferReply]:
        try:
            yield from self._replies
        except ELSEWHERE as error:
            if not self._goes_on(error, left):
                raise
        else:
            return
        yield from self._replies_of(left - 1)

    def _goes_on(self, error: IsthmusError, left: int) -> bool:
        """Whether the next cloud is asked within this call, where so many are left."""
        unasked = isinstance(error, WrongBundle) or bool(error.facts.get(UNSENT))
        if unasked or isinstance(error, DeadlineError):
            self._clouds.leave(self._client)
        with self._lock:
            if self._closed or not left or not unasked:
                return False
            self._client = self._clouds.current
            self._replies = self._client.infer(*self._asked)
            return True
