"""Pictures and texts compared side by side, for bundles of a dual encoder."""

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from cloud.engine.batch import Batch
from cloud.engine.job import Comparison, Event, Job, milliseconds_since
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.errors import PayloadError
from protos.matching import scores, unit

TEXTS = ""  # the cut of a job without a picture


class Comparisons(Batch):
    """Jobs of one bundle, all with a picture at the same cut or all without one."""

    def __init__(self, jobs: Sequence[Comparison]) -> None:
        self._jobs = list(jobs)
        self._image_tokens = torch.empty(0)
        self._texts: dict[str, Floats] = {}

    @property
    def jobs(self) -> Sequence[Comparison]:
        return self._jobs

    def encode_images(self) -> None:
        if self._jobs[0].cut != TEXTS:
            super().encode_images()

    def image_embeds(self) -> Iterator[tuple[Job, Tensor]]:
        if self._jobs[0].cut != TEXTS:
            yield from super().image_embeds()

    @torch.inference_mode()
    def prefill(self) -> None:
        """The embeddings of all texts, each once."""
        start = time.monotonic()
        wanted = list(dict.fromkeys(text for job in self._jobs for text in job.texts))
        self._texts = dict(zip(wanted, self._jobs[0].tail.embed(wanted), strict=True)) if wanted else {}
        for job in self._jobs:
            job.stages.first_token = milliseconds_since(start)

    def decode(self) -> None:
        """Nothing goes on: all is told at once."""

    def postprocess(self) -> bool:
        pictures = self._image_tokens.float().cpu().numpy()
        for row, job in enumerate(self._jobs):
            if not job.aborted:
                self._tell(job, pictures[row, 0] if job.cut != TEXTS else None)
        self._jobs = []
        return False

    def _tell(self, job: Comparison, picture: Floats | None) -> None:
        if picture is not None and not np.isfinite(picture).all():
            job.fail(PayloadError("the model makes no number of these features; send the picture instead"))
            return
        texts = np.stack([self._texts[text] for text in job.texts]) if job.texts else None
        event: Event
        if picture is None:
            event = _embedded(texts)
        elif texts is None:
            event = _embedded(unit(picture)[None])
        else:
            ranked = scores(job.tail.matching, job.labels, texts, unit(picture))
            job.say(ranked[0].label)
            event = ip.Done(reason=ip.Done.STOP, scores=ranked)
        job.stages.total = milliseconds_since(job.arrived)
        event.stages.CopyFrom(job.stages)
        event.frame = job.frame
        job.say(event)


def _embedded(embeddings: Floats | None) -> ip.EmbedReply:
    rows = [] if embeddings is None else embeddings.tolist()
    return ip.EmbedReply(embeddings=[ip.Embedding(values=row) for row in rows])
