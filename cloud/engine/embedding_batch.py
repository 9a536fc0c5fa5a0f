"""Pictures and texts of a dual encoder, embedded and compared side by side."""

from collections.abc import Sequence

import numpy as np

from cloud.engine.job import EmbeddingJob, milliseconds_since
from cloud.runner.executor import Executor
from cloud.runner.texts import Embedded, embed
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.matching import scores, unit
from protos.pictures.frames import frame_id


class EmbeddingBatch:
    """Jobs of one bundle whose pictures are encoded, or that have none.

    A job with many new texts takes several steps, and returns to the queue after each.
    """

    def __init__(self, executor: Executor, jobs: Sequence[EmbeddingJob]) -> None:
        self._executor, self._jobs = executor, jobs

    async def embed_texts(self) -> None:
        """Some of the texts that are missing, each job's share of them."""
        missing = [list(job.missing) for job in self._jobs]
        embedded = Embedded(*await self._executor.run(embed, self._jobs[0].tail, missing))
        found = dict(zip(embedded.texts, embedded.rows, strict=True))
        for job in self._jobs:
            job.take(found)
            job.stages.first_token += 1000 * embedded.seconds

    def answer(self) -> Sequence[EmbeddingJob]:
        """Emit the scores or embeddings of every job whose texts are all embedded; the other jobs."""
        unfinished = []
        for job in self._jobs:
            if job.aborted:
                continue
            if job.missing:
                unfinished.append(job)
            else:
                _answer(job, job.picture, [job.embedded[text] for text in job.texts])
        return unfinished


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
