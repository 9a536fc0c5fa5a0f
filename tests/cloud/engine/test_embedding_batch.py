"""Comparisons of pictures and texts side by side, with a tail that is a table."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from cloud.engine.embedding_batch import EmbeddingBatch
from cloud.engine.image_encoder import encode_images
from cloud.engine.job import EmbeddingJob, VisionInput
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.errors import PayloadError

NORTH, EAST = (0.0, 1.0), (1.0, 0.0)


class Table:
    """A tail whose pictures are their own embeddings, and whose texts are two directions."""

    digest = "table"
    matching = pb.Matching(kind=pb.Matching.SOFTMAX, scale=1)

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def enter(self, cut: str, pictures: Sequence[Mapping[str, Tensor]]) -> Tensor:
        return torch.stack([picture["at"][None] for picture in pictures])

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        self.asked.append(list(texts))
        return np.array([NORTH if "north" in text else EAST for text in texts], np.float32)


def comparing(table: Table, at: tuple[float, float], *labels: str) -> EmbeddingJob:
    texts = tuple(f"to the {label}" for label in labels)
    image = VisionInput("c", {"at": torch.tensor(at)}, frame="f")
    return EmbeddingJob(tail=table, image=image, labels=labels, texts=texts)


def run(*jobs: EmbeddingJob) -> None:
    images = encode_images(jobs)
    assert [image.frame for image, _ in images.by_picture()] == [job.frame for job in jobs if job.image]
    batch = EmbeddingBatch(jobs, images)
    batch.answer(batch.embed_texts())
    assert all(job.finished or job.aborted for job in jobs)


async def emitted(job: EmbeddingJob) -> list[object]:
    return [event async for event in job.events()]


async def test_every_picture_gets_its_own_labels_and_each_text_is_read_once() -> None:
    table = Table()
    jobs = [comparing(table, (0, 3), "north", "east"), comparing(table, (5, 1), "east", "north")]
    run(*jobs)
    assert table.asked == [["to the north", "to the east"]]
    for job, best in zip(jobs, ("north", "east"), strict=True):
        text, last = await emitted(job)
        assert isinstance(last, ip.Done)
        assert text == best == last.scores[0].label
        assert last.frame == "f"


async def test_without_labels_the_picture_itself_is_embedded() -> None:
    job = comparing(Table(), (3, 4))
    run(job)
    (reply,) = await emitted(job)
    assert isinstance(reply, ip.EmbedReply)
    assert [list(row.values) for row in reply.embeddings] == [pytest.approx([0.6, 0.8])]


async def test_texts_need_no_picture() -> None:
    job = EmbeddingJob(tail=Table(), image=None, texts=("north", "east", "north"))
    run(job)
    (reply,) = await emitted(job)
    assert isinstance(reply, ip.EmbedReply)
    assert [tuple(row.values) for row in reply.embeddings] == [NORTH, EAST, NORTH]


async def test_a_picture_that_is_no_number_spoils_its_own_job_only() -> None:
    table = Table()
    spoilt, whole = comparing(table, (float("nan"), 1), "north"), comparing(table, (0, 1), "north")
    run(spoilt, whole)
    with pytest.raises(PayloadError, match="send the picture instead"):
        await emitted(spoilt)
    assert (await emitted(whole))[0] == "north"


async def test_an_aborted_job_gets_no_event() -> None:
    job = comparing(Table(), (0, 1), "north")
    job.cancelled = True
    run(job)
    assert job._events.empty()
