"""All content filters of a service, one after another."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal

from cloud.engine.job import Event, Job, Screen, before, milliseconds_since
from cloud.filters.content_filter import (
    REFUSED,
    AnswerSoFar,
    AskedContent,
    ContentFilter,
    FilterVerdict,
)
from protos import inference_pb2 as ip
from protos.errors import CloudError, ContentRefused
from protos.pictures.frames import frame_id

_log = logging.getLogger(__name__)
Outcome = Literal["refused", "ended", "failed"]  # a request, an answer, the filter itself


class ContentFilters:
    """Belongs to the event loop. Nothing is logged or counted but the name of a filter."""

    def __init__(
        self,
        filters: Sequence[tuple[str, ContentFilter]] = (),
        count: Callable[[str, Outcome], None] = lambda _, __: None,
    ) -> None:
        """`filters`: with the names that `count` is told."""
        self._filters, self._count = filters, count

    async def check(self, asked: AskedContent, deadline: float) -> None:
        """Raises ContentRefused, CloudError where a filter fails, DeadlineError."""
        for name, one in self._filters:
            if (await before(deadline, self._said(name, one.before(asked)))).refused:
                self._count(name, "refused")
                raise ContentRefused(
                    f"this service's content filter ({name}) lets the request not pass; ask something else"
                )

    @property
    def screen(self) -> Screen | None:
        """What answers pass on their way to a caller; None where there is no filter."""
        return self._screened if self._filters else None

    async def _screened(self, job: Job, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """Text leaves once no filter holds it. Where one refuses, Done says so, and no event follows."""
        text, sent, first, held_ms = "", 0, 0.0, 0.0
        async for event in events:
            first = first or milliseconds_since(job.arrived)
            ended = not isinstance(event, str)
            text = text if ended else f"{text}{event}"
            verdict = await self._judged(AnswerSoFar(text, sent, ended), job.deadline)
            if verdict.refused:
                yield _ended(job, first)
                return
            if leaves := text[sent:] if ended else text[sent : max(sent, len(text) - verdict.held)]:
                held_ms = held_ms if sent else milliseconds_since(job.arrived) - first
                sent += len(leaves)
                yield leaves
            if ended:
                yield _held(event, held_ms) if isinstance(event, ip.Done) else event

    async def _judged(self, answer: AnswerSoFar, deadline: float) -> FilterVerdict:
        held = 0
        for name, one in self._filters:
            verdict = await before(deadline, self._said(name, one.after(answer)))
            if verdict.refused:
                self._count(name, "ended")
                return REFUSED
            held = max(held, verdict.held)
        return FilterVerdict(held=held)

    async def _said(self, name: str, verdict: Awaitable[FilterVerdict]) -> FilterVerdict:
        """Raises CloudError for whatever a filter raises, whose words may quote what it saw."""
        try:
            return await verdict
        except Exception as error:  # noqa: BLE001 - anybody's code; what it has not seen does not leave
            self._count(name, "failed")
            _log.error("the content filter %s failed: %s", name, type(error).__name__)
            raise CloudError(
                f"this service's content filter ({name}) failed at the request; ask again later"
            ) from None


def _held(done: ip.Done, milliseconds: float) -> ip.Done:
    """The end of an answer whose first words were held back so long; others may wait for the same one."""
    own = ip.Done()
    own.CopyFrom(done)
    own.stages.held = milliseconds
    return own


def _ended(job: Job, first: float) -> ip.Done:
    """The end of an answer whose first event came after so many milliseconds. Nothing is told of the model's
    times, since it did not finish.
    """
    total, decode = milliseconds_since(job.arrived), job.stages.decode
    stages = ip.Stages(decode=decode, queue=first - decode, generate=total - first, total=total)
    return ip.Done(reason=ip.Done.CONTENT_FILTER, stages=stages, frame=frame_id(job.frame))
