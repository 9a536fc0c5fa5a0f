"""What the decoder has read of recent frames: their prompts up to the end of the picture, from where further
questions about them are prefilled. It is personal data, and held as image tokens are.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from cloud.engine.encoder_cache import frame_key
from cloud.engine.job import GenerationJob
from cloud.engine.ttl_cache import TtlCache
from splitter.families import Prefix


class ReadPrompt(NamedTuple):
    """The first tokens of a prompt, and what the decoder made of them."""

    tokens: Sequence[int]
    prefix: Prefix


class PrefixCache:
    """Prefixes by owner, bundle and frame, in `max_bytes` of memory. Nobody finds what another sent, nor
    learns whether it was. For 0 bytes or `seconds`, or for no owner, nothing is kept.
    """

    def __init__(
        self, max_bytes: int, seconds: float = math.inf, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keeps = bool(max_bytes and seconds)
        self.cache = TtlCache[ReadPrompt](max_bytes, seconds, clock)

    def resume(self, jobs: Iterable[GenerationJob]) -> None:
        """Let those jobs whose prompts begin as one did about their frame go on from there."""
        for job in self._kept(jobs):
            read = self.cache.get(job.owner, frame_key(job.tail.digest, job.frame))
            if read and list(read.tokens) == job.prompt[: len(read.tokens)]:
                job.resume(read.prefix)

    def missing(self, jobs: Iterable[GenerationJob]) -> list[GenerationJob]:
        """Those whose prefixes are to be put."""
        return [job for job in self._kept(jobs) if job.prefix is None]

    def put(self, job: GenerationJob, prefix: Prefix) -> None:
        """Keep what was read of a job's prompt."""
        read = ReadPrompt(tuple(job.prompt[: prefix.length]), prefix)
        self.cache.put(job.owner, frame_key(job.tail.digest, job.frame), read, prefix.nbytes)

    def make_room(self) -> bool:
        """Free the memory of all prefixes; whether there were any."""
        held = self.cache.bytes > 0
        self.cache.clear()
        return held

    def expire(self) -> None:
        """Free the memory of expired prefixes."""
        self.cache.expire()

    def _kept(self, jobs: Iterable[GenerationJob]) -> Iterable[GenerationJob]:
        return (job for job in jobs if self._keeps and job.owner)
