"""Pictures and texts of a dual encoder, embedded and compared side by side."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from cloud.engine.faults import not_finite
from cloud.engine.image_encoder import EncodedImages
from cloud.engine.job import EmbeddingJob, milliseconds_since
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.matching import scores, unit


class EmbeddingBatch:
    """Jobs of one place: all with a picture at the same cut, or all without one."""

    def __init__(self, jobs: Sequence[EmbeddingJob], images: EncodedImages) -> None:
        self._jobs, self._images = jobs, images

    @torch.inference_mode()
    def embed_texts(self) -> Mapping[str, Floats]:
        """The embeddings of all texts, each embedded once; on the worker thread."""
        start = time.monotonic()
        texts = list(dict.fromkeys(text for job in self._jobs for text in job.texts))
        embeddings = dict(zip(texts, self._jobs[0].tail.embed_texts(texts), strict=True)) if texts else {}
        for job in self._jobs:
            job.stages.first_token = milliseconds_since(start)
        return embeddings

    def answer(self, texts: Mapping[str, Floats]) -> None:
        """Emit every job's scores or embeddings, given the embeddings of all texts; on the event loop."""
        pictures = self._images.tokens.float().cpu().numpy()
        for row, job in enumerate(self._jobs):
            if not job.aborted:
                _answer(job, pictures[row, 0] if job.image else None, [texts[text] for text in job.texts])


def _answer(job: EmbeddingJob, picture: Floats | None, texts: Sequence[Floats]) -> None:
    if picture is None:
        _finish(job, _embed_reply(texts))
    elif not np.isfinite(picture).all():
        job.fail(not_finite())
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
    event.frame = job.frame
    job.emit(event)
