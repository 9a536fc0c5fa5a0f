"""Pictures and texts of a dual encoder, embedded and compared side by side."""

import time
from collections.abc import Sequence
from itertools import chain, zip_longest

import numpy as np
import torch

from cloud.engine.job import EmbeddingJob, milliseconds_since
from cloud.models.interfaces import EmbeddingModel
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.matching import scores, unit
from protos.pictures.frames import frame_id

MAX_TEXTS = 8  # that the text tower reads in one step; other requests have their turn before the next


class EmbeddingBatch:
    """Jobs of one bundle whose pictures are encoded, or that have none.

    A job with many new texts takes several steps, and returns to the queue after each.
    """

    def __init__(self, jobs: Sequence[EmbeddingJob]) -> None:
        self._jobs = jobs

    @torch.inference_mode()
    def embed_texts(self) -> None:
        """Some of the texts that are missing, each job's share of them; on the worker thread."""
        start = time.monotonic()
        tail = self._jobs[0].tail
        tail.use_threads()
        for job in self._jobs:
            if not job.embedded:
                job.take(tail.cached_texts(job.missing))
        embedded = _embedded(tail, _next_texts(self._jobs))
        for job in self._jobs:
            job.take(embedded)
            job.stages.first_token += milliseconds_since(start)

    def answer(self) -> Sequence[EmbeddingJob]:
        """Emit the scores or embeddings of every job whose texts are all embedded; the other jobs. On the
        event loop.
        """
        unfinished = []
        for job in self._jobs:
            if job.aborted:
                continue
            if job.missing:
                unfinished.append(job)
            else:
                _answer(job, job.picture, [job.embedded[text] for text in job.texts])
        return unfinished


def _embedded(tail: EmbeddingModel, texts: Sequence[str]) -> dict[str, Floats]:
    cached = tail.cached_texts(texts)  # another batch may have had them read in the meantime
    new = [text for text in texts if text not in cached]
    return cached | dict(zip(new, tail.embed_texts(new), strict=True)) if new else cached


def _next_texts(jobs: Sequence[EmbeddingJob]) -> list[str]:
    """The next texts of all jobs in turns, so that a short request does not wait for a long one."""
    texts: dict[str, None] = {}
    for text in chain.from_iterable(zip_longest(*(job.missing for job in jobs))):
        if text is not None:
            texts[text] = None
        if len(texts) == MAX_TEXTS:
            break
    return list(texts)


def _answer(job: EmbeddingJob, picture: Floats | None, texts: Sequence[Floats]) -> None:
    if picture is None:
        _finish(job, _embed_reply(texts))
    elif texts:
        ranked = scores(job.tail.matching, job.labels, np.stack(texts), unit(picture))
        job.emit(ranked[0].label)
        _finish(job, ip.Done(reason=ip.Done.STOP, scores=ranked))
    else:
        _finish(job, _embed_reply([unit(picture)]))


def _embed_reply(embeddings: Sequence[Floats]) -> ip.EmbedReply:
    return ip.EmbedReply(embeddings=[ip.Embedding(values=row.tolist()) for row in embeddings])


def _finish(job: EmbeddingJob, event: ip.Done | ip.EmbedReply) -> None:
    job.stages.total = milliseconds_since(job.arrived)
    event.stages.CopyFrom(job.stages)
    event.frame = frame_id(job.frame)
    job.emit(event)
