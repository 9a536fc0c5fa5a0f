"""Answers by idempotency keys: who tries a request again joins its run, or gets what it said, and nothing is
run twice.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from cloud.admission.cached_inputs import owner_of
from cloud.answers.run import Run
from cloud.answers.shared_answers import SharedAnswers
from cloud.api.replies import log_answered
from cloud.engine.job import Job
from cloud.engine.ttl_cache import TtlCache
from cloud.sharing.caller import NOBODY, Caller
from protos import inference_pb2 as ip
from protos.errors import CloudError, RequestError
from protos.limits import CLIENT_SECRET_BYTES, IDEMPOTENCY_KEY_BYTES, LEAST_KEY_BYTES

ALONE_SECONDS = 60.0  # that a run goes on while nobody waits for it: a device whose link broke tries again
MAX_ALONE = 16  # such runs of one caller: as many as an agent asks at once


class RequestKey(NamedTuple):
    """Whose request it is, its key in hexadecimal, and a hash of all that it asks."""

    owner: str
    name: str
    body: bytes


def request_key(request: ip.InferRequest, caller: Caller) -> RequestKey | None:
    """The key of a caller's request, if it has one. Raises RequestError for one that is none, or is
    nobody's.
    """
    key = request.idempotency_key
    if not key:
        return None
    if not LEAST_KEY_BYTES <= len(key) <= IDEMPOTENCY_KEY_BYTES:
        raise RequestError(
            f"idempotency_key has {len(key)} bytes; give {LEAST_KEY_BYTES} to {IDEMPOTENCY_KEY_BYTES} random "
            "ones, or none"
        )
    owner = owner_of(request, caller)
    if not owner:
        raise RequestError(
            "idempotency_key without client_secret: a key is known to its own client only; give "
            f"{CLIENT_SECRET_BYTES} random bytes as client_secret, the same in every try"
        )
    return RequestKey(owner, key.hex(), _digest(request))


def _digest(request: ip.InferRequest) -> bytes:
    """Of all fields but the id, which names a try and not what is asked, and the secret, of which the owner
    is made.
    """
    identity, secret = request.id, request.client_secret
    request.id, request.client_secret = "", b""
    try:
        return hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    finally:
        request.id, request.client_secret = identity, secret


class KeyedRun(Run):
    """The run of one key, for all its tries; where none waits, it goes on for a while."""

    def __init__(self, body: bytes, begin: Callable[[Job], None]) -> None:
        super().__init__()
        self.body, self.begin, self.caller = body, begin, NOBODY
        self.following: asyncio.Task[None] | None = None  # once it has begun
        self.waiting = 0  # those who wait for it
        self.alone: asyncio.TimerHandle | None = None  # ends it, while nobody waits

    @property
    def ended(self) -> bool:
        """Whether it was ended before it was over."""
        return bool(self.following and self.following.cancelling())

    def end(self) -> None:
        """Nobody waits for it any more."""
        if self.following:
            self.following.cancel()


class KeyedAnswers:
    """Runs that are not over, and in `max_bytes` of memory, for `seconds`, what those said that are.

    Nobody finds another's: an owner is known by their secret. A run that failed is forgotten, so that another
    try runs anew. Belongs to the event loop.
    """

    def __init__(
        self,
        answers: SharedAnswers,
        max_bytes: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answers, self._seconds = answers, seconds
        self._finished = TtlCache[KeyedRun](max_bytes, seconds, clock)
        self._running: dict[tuple[str, str], KeyedRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def cache(self) -> TtlCache[KeyedRun]:
        """Answers that are kept, for who counts what is found."""
        return self._finished

    def find(self, key: RequestKey) -> KeyedRun | None:
        """The run of an earlier try. Raises RequestError where that asked something else."""
        run = self._running.get((key.owner, key.name)) or self._finished.get(key.owner, key.name)
        if run and run.ended:
            return None
        if run and run.body != key.body:
            raise RequestError(
                f"idempotency_key {key.name} was sent before with another request; give each its own key"
            )
        return run

    @contextmanager
    def starting(self, key: RequestKey) -> Iterator[KeyedRun]:
        """A new run, which `begin` is to be called of; what is raised before that fails it for all."""
        place = key.owner, key.name
        run = self._running[place] = KeyedRun(key.body, lambda job: self._begin(key, job))
        try:
            yield run
        except BaseException as error:
            del self._running[place]
            broken = CloudError("the try that this one waited for broke off; ask again")
            run.fail(error if isinstance(error, Exception) else broken)
            raise

    @contextmanager
    def awaited(self, run: KeyedRun) -> Iterator[None]:
        """Around the wait of one try for a run. After the last it goes on, as another try may come for
        what it says; but not for long, nor beside many others of its caller that nobody waits for.
        """
        run.waiting += 1
        if run.alone:
            run.alone.cancel()
            run.alone = None
        try:
            yield
        finally:
            run.waiting -= 1
            if not run.waiting and run.following and not run.following.done():
                run.alone = asyncio.get_running_loop().call_later(ALONE_SECONDS, run.end)
                self._bound_alone(run.caller)

    def _bound_alone(self, caller: Caller) -> None:
        """End the one that was left first, where a caller has left too many."""
        left = [run for run in self._running.values() if run.caller == caller and run.alone and not run.ended]
        if len(left) > MAX_ALONE:
            min(left, key=lambda run: run.alone.when() if run.alone else 0.0).end()

    def expire(self) -> None:
        """Free the memory of answers that are kept no more."""
        self._finished.expire()

    async def close(self) -> None:
        """End what still runs."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, key: RequestKey, job: Job) -> None:
        run = self._running[key.owner, key.name]
        run.caller = job.caller
        run.following = task = asyncio.create_task(self._follow(key, run, job), name=f"run {key.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, key: RequestKey, run: KeyedRun, job: Job) -> None:
        try:
            with run.working():
                with self._answers.answering(job) as events:
                    async for event in events:
                        run.add(event)
                log_answered(key.name, job)
                self._keep(key, run)
        finally:
            if run.alone:
                run.alone.cancel()
            if self._running.get((key.owner, key.name)) is run:
                del self._running[key.owner, key.name]

    def _keep(self, key: RequestKey, run: KeyedRun) -> None:
        if self._seconds:
            run.compact()
            self._finished.put(key.owner, key.name, run, run.size)
