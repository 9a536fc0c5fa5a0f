"""What a service keeps for a while beyond the requests that it is of."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from cloud.answers.answer_store import AnswersInMemory, AnswerStore
from cloud.answers.shared_answers import SharedAnswers
from cloud.api.keyed_answers import KeyedAnswers
from cloud.config import ServeConfig
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.prefix_cache import PrefixCache
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.filters.content_filters import ContentFilters
from cloud.runner.executor import Executor
from cloud.telemetry.metrics import CacheCounts
from cloud.telemetry.telemetry import Telemetry

_MIN_EXPIRY_SECONDS, _MAX_EXPIRY_SECONDS = 0.5, 5.0  # from one sweep of what is kept to the next


@dataclass(frozen=True)
class Kept:
    """Frames and prefixes for further questions, answers for who asks the same or tries again."""

    frames: EncoderCache
    prefixes: PrefixCache
    store: AnswerStore | None  # None: answers are not kept for who asks the same
    answers: SharedAnswers
    keyed: KeyedAnswers
    seconds: float

    @property
    def counts(self) -> Mapping[str, CacheCounts]:
        """Of each cache, by the name that its metrics have."""
        results = {"results": self.store.counts} if self.store else {}
        return {**self.frames.caches, "prefixes": self.prefixes.cache, "answers": self.keyed.cache, **results}

    async def expire(self) -> None:
        """Free the memory of what is kept no more, until cancelled."""
        while True:
            await asyncio.sleep(max(_MIN_EXPIRY_SECONDS, min(self.seconds / 4, _MAX_EXPIRY_SECONDS)))
            for cache in (self.frames, self.prefixes, self.answers, self.keyed):
                cache.expire()

    async def close(self) -> None:
        """End the runs that answer several."""
        await self.keyed.close()
        await self.answers.close()


def new_engine(
    config: ServeConfig, executor: Executor, telemetry: Telemetry, filters: ContentFilters
) -> tuple[Engine, Kept]:
    """An engine, and what is kept of its work. Raises RequestError where Redis is asked for and its package
    is missing.
    """
    frames = EncoderCache(config.max_frame_bytes, config.keep, max_sent_bytes=config.max_sent_bytes)
    prefixes, store = PrefixCache(config.max_prefix_bytes, config.keep), _answer_store(config)
    scheduler = Scheduler(config.max_batch, max_wait=config.max_wait)
    queue = RequestQueue(scheduler, config.max_waiting)
    engine = Engine(queue, frames, telemetry, prefixes, config.text_interval, executor)
    answers = SharedAnswers(engine, store, filters.screen)
    keyed = KeyedAnswers(answers, config.max_answer_bytes, config.keep_answers)
    return engine, Kept(frames, prefixes, store, answers, keyed, config.keep)


def _answer_store(config: ServeConfig) -> AnswerStore | None:
    """Raises RequestError where Redis is asked for and its package is missing."""
    seconds = config.result_seconds
    if not seconds:
        return None
    if config.redis is None:
        return AnswersInMemory(config.max_result_bytes, seconds)
    from cloud.answers.redis_answers import RedisAnswers  # the one who needs its package

    return RedisAnswers(config.redis, seconds)
