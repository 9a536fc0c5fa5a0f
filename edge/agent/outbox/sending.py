"""What the outbox holds, sent when the link allows, what is due first before the rest."""

import logging
import math
import time
from collections.abc import Sequence

import anyio
import anyio.to_thread

from edge.agent.observing.standing_answer import Observer, StandingAnswer
from edge.agent.outbox.answers import standing_answer
from edge.agent.outbox.entries import Entry, Outcome
from edge.agent.outbox.outbox import Outbox
from edge.link.client import Cloud, Replies, bytes_left
from edge.link.cloud_call import CloudCall
from edge.requests.machine import Machine
from protos import inference_pb2 as pb
from protos.arms.rules import LOCAL
from protos.connection.backoff import Backoff
from protos.errors import CloudError, IsthmusError, OutboxError, TooLarge, WrongBundle

_log = logging.getLogger(__name__)

_FIRST_SECONDS, _MAX_SECONDS = 1.0, 60.0  # between tries while the cloud does not answer
_IDLE_SECONDS = 60.0
_BUNDLE_SECONDS = 600.0  # until a cloud that serves another bundle is asked again
_CALL_SECONDS = 120.0
_MAX_TRIED = 16  # requests that are tried in turn, so that one that never succeeds holds no other up


class OutboxSender:
    """Sends one request at a time; `run` is a task.

    Every try of a request is the same to the byte, its key too: where a reply was lost, the cloud gives the
    answer that it gave. A cloud that serves another bundle is asked again later, until the request is due.
    Where others were answered by a cloud, the next try does not wait for its turn: once a minute, so that a
    request that fails for itself takes little of the link from them.
    """

    def __init__(
        self,
        outbox: Outbox,
        cloud: Cloud,
        machine: Machine,
        observers: Sequence[Observer],
        first_seconds: float = _FIRST_SECONDS,
    ) -> None:
        self._outbox, self._cloud, self._machine, self._observers = outbox, cloud, machine, observers
        self._replies: Replies | None = None  # of the call under way
        self._backoff = Backoff(first_seconds, _MAX_SECONDS)
        self._tried: list[bytes] = []  # since the cloud answered last
        self._refused: dict[str, float] = {}  # bundles that are not served, and until when that is believed
        self._kept, self._link_works = anyio.Event(), anyio.Event()
        self._believed_after = -math.inf  # when an answer to others says again that a try is worth it

    def kept(self) -> None:
        """There is one more."""
        self._kept.set()

    async def observe(self, seen: StandingAnswer) -> None:
        """An `Observer` of the answers to others: one from a cloud says that there is a link."""
        if seen.answer.route != LOCAL and seen.reused is None:
            self._link_works.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._kept, self._link_works = anyio.Event(), anyio.Event()
            try:
                await self._tell()
                seconds = await self._step()
            except OutboxError as error:
                _log.error("%s", error)
                seconds = self._backoff.seconds()
            if seconds:
                await self._pause(seconds)

    async def _step(self) -> float:
        """Drop what is due, send one; how long to wait for the next, in seconds."""
        while await anyio.to_thread.run_sync(self._outbox.drop_due):
            await self._tell()
        entry = await self._next()
        if entry is None:
            await anyio.to_thread.run_sync(self._outbox.tidy)
            return _IDLE_SECONDS
        return await self._send(entry)

    async def _next(self) -> Entry | None:
        """The request whose turn it is: those that were tried in vain come again behind the others."""
        bundles = self._unserved()
        if len(self._tried) < _MAX_TRIED:
            entry = await anyio.to_thread.run_sync(self._outbox.next, bundles, tuple(self._tried))
            if entry or not self._tried:
                return entry
        self._tried.clear()
        return await anyio.to_thread.run_sync(self._outbox.next, bundles)

    async def _send(self, entry: Entry) -> float:
        try:
            outcome = await anyio.to_thread.run_sync(self._call, entry, abandon_on_cancel=True)
        except WrongBundle as error:
            _log.warning("deferred %s: %s", entry.id, error)
            self._refused[entry.bundle] = time.monotonic() + _BUNDLE_SECONDS
            return 0.0
        except (CloudError, TooLarge) as error:
            _log.info("deferred %s: %s", entry.id, error)
            self._tried.append(entry.key)
            return self._backoff.seconds()
        except anyio.get_cancelled_exc_class():
            if self._replies:
                self._replies.close()
            raise
        except IsthmusError as error:
            _log.warning("deferred %s is dropped: the cloud refuses it as %s", entry.id, type(error).__name__)
            outcome = Outcome(entry.key, entry.note, dropped=str(error), request_bytes=len(entry.request))
        await anyio.to_thread.run_sync(self._outbox.settle, outcome)
        self._begin_anew()
        self._believed_after = -math.inf
        return 0.0

    def _call(self, entry: Entry) -> Outcome:
        """Ask the cloud, in a thread. Raises what the client raises, TooLarge where the day's bytes are
        sent.
        """
        request, pieces = pb.InferRequest.FromString(entry.request), list[str]()
        size = len(entry.request)
        self._machine.reserve(size, entry.note.rules)
        try:
            call = CloudCall(request)
            self._replies = call.begin(self._cloud, _CALL_SECONDS)
            done = call.read(self._replies, pieces.append)
        except IsthmusError as error:
            self._machine.give_back(size - bytes_left(request, error))
            raise
        return Outcome(entry.key, entry.note, "".join(pieces), done.SerializeToString(), request_bytes=size)

    async def _tell(self) -> None:
        """Tell the observers of outcomes, each once: again only where this process died in between."""
        while outcomes := await anyio.to_thread.run_sync(self._outbox.untold):
            for outcome in outcomes:
                if not outcome.dropped:
                    for observe in self._observers:
                        await observe(standing_answer(outcome))
                await anyio.to_thread.run_sync(self._outbox.tell, outcome.key)

    def _unserved(self) -> tuple[str, ...]:
        now = time.monotonic()
        self._refused = {bundle: until for bundle, until in self._refused.items() if until > now}
        return tuple(self._refused)

    async def _pause(self, seconds: float) -> None:
        """A new request ends the pause only where none was tried in vain; else news of the link does."""
        if not self._tried:
            with anyio.move_on_after(seconds):
                await self._kept.wait()
            return
        ignored = min(max(self._believed_after - time.monotonic(), 0.0), seconds)
        await anyio.sleep(ignored)
        with anyio.move_on_after(seconds - ignored):
            await self._link_works.wait()
            self._believed_after = time.monotonic() + _MAX_SECONDS
            self._begin_anew()

    def _begin_anew(self) -> None:
        """The link works: what was tried in vain may be tried again, without a wait."""
        self._tried.clear()
        self._backoff.reset()
