"""Answers in Redis, for several services to share. Where it is away, the service goes on without."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from cloud.answers.answer_store import AnswerKey, KeptAnswer
from protos.errors import RequestError

try:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
except ImportError as error:
    raise RequestError("--redis needs a package: pip install 'isthmus[cloud]', or redis") from error

_log = logging.getLogger(__name__)

_SECONDS = 0.2  # that an answer waits for Redis, each way
_AGAIN_SECONDS = 5.0  # until it is asked again, where it was away

SaidT = TypeVar("SaidT")


@dataclass
class _Counts:
    hits: int = 0
    misses: int = 0
    bytes: int = 0  # here; what Redis holds, it tells itself


class RedisAnswers:
    """Values are protobuf, kept for `seconds`; the names of keys are hashes, of the owner too. Who can read
    there reads answers, and who can write there gives them.
    """

    def __init__(self, url: str, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Connects when it is first asked. Raises RequestError for a URL that is none."""
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=_SECONDS,
                socket_connect_timeout=_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError as error:
            raise RequestError(f"--redis is no URL of Redis: {error}") from None
        self._place = urlsplit(url).hostname or "its socket"
        self._seconds, self._clock = seconds, clock
        self._closed_until: float | None = None  # since it was away
        self.counts = _Counts()

    async def get(self, key: AnswerKey) -> KeptAnswer | None:
        data = await self._tried(lambda: self._redis.get(_name(key)))
        answer = KeptAnswer.from_bytes(data) if isinstance(data, bytes) else None
        if answer:
            self.counts.hits += 1
        else:
            self.counts.misses += 1
        return answer

    def may_have(self, owner: str) -> bool:
        """It is not asked, since that would take as long as to look an answer up."""
        del owner
        return self._asked_now

    async def put(self, key: AnswerKey, answer: KeptAnswer) -> None:
        milliseconds = max(1, round(self._seconds * 1000))
        await self._tried(lambda: self._redis.set(_name(key), answer.to_bytes(), px=milliseconds))

    def expire(self) -> None:
        """Redis does so itself."""

    async def close(self) -> None:
        await self._redis.aclose()

    @property
    def _asked_now(self) -> bool:
        """Whether it was there, as far as is known, or is to be tried again."""
        return self._closed_until is None or self._clock() >= self._closed_until

    async def _tried(self, ask: Callable[[], Awaitable[SaidT]]) -> SaidT | None:
        """What Redis says; None where it is away, or was a moment ago."""
        if not self._asked_now:
            return None
        try:
            async with asyncio.timeout(_SECONDS):
                said = await ask()
        except (RedisError, OSError, TimeoutError) as error:
            if self._closed_until is None:
                _log.warning(
                    "Redis at %s is away (%s); answers are not kept until it is back",
                    self._place,
                    type(error).__name__,
                )
            self._closed_until = self._clock() + _AGAIN_SECONDS
            return None
        if self._closed_until is not None:
            _log.warning("Redis at %s is back; answers are kept", self._place)
            self._closed_until = None
        return said


def _name(key: AnswerKey) -> str:
    return f"isthmus/answer/{key.name}"
