"""Comparisons of pictures and texts side by side, with a tail that is a table."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from cloud.engine.embedding_batch import EmbeddingBatch
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.image_encoder import advance_images
from cloud.engine.job import EmbeddingJob, VisionInput
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduling.scheduler import Scheduler
from cloud.runner.texts import MAX_TEXTS
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arrays import Floats
from protos.errors import PayloadError
from tests.cloud.engine.scripted import Inline

NORTH, EAST = (0.0, 1.0), (1.0, 0.0)


class Table:
    """A tail whose pictures are their own embeddings, and whose texts are two directions."""

    digest = "table"
    numerics = "exact"
    cuts: Sequence[str] = ("c",)
    matching = pb.Matching(kind=pb.Matching.SOFTMAX, scale=1)

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.cached: set[str] = set()
        self.encoded = 0

    def use_threads(self) -> None:
        """It computes nothing."""

    def advance(
        self, cut: str, until: str, pictures: Sequence[Mapping[str, Tensor]]
    ) -> Sequence[Mapping[str, Tensor]]:
        self.encoded += len(pictures)
        return pictures

    def cached_texts(self, texts: Iterable[str]) -> dict[str, Floats]:
        return {text: direction(text) for text in texts if text in self.cached}

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        self.asked.append(list(texts))
        return np.stack([direction(text) for text in texts])


def direction(text: str) -> Floats:
    return np.array(NORTH if "north" in text else EAST, np.float32)


def comparing(table: Table, at: tuple[float, float], *labels: str) -> EmbeddingJob:
    texts = tuple(f"to the {label}" for label in labels)
    image = VisionInput("c", {"at": torch.tensor(at)[None, None]}, frame="f1")
    return EmbeddingJob(tail=table, image=image, labels=labels, texts=texts)


async def run(*jobs: EmbeddingJob) -> None:
    for picture in await advance_images(Inline(), jobs, 0):
        assert picture.image_tokens is not None
        picture.job.take_image_tokens(picture.image_tokens, picture.embedding)
    batch = EmbeddingBatch(Inline(), jobs)
    await batch.embed_texts()
    assert not batch.answer()
    assert all(job.finished or job.aborted for job in jobs)


async def emitted(job: EmbeddingJob) -> list[object]:
    return [event async for event in job.events()]


async def test_every_picture_gets_its_own_labels_and_each_text_is_read_once() -> None:
    table = Table()
    jobs = [comparing(table, (0, 3), "north", "east"), comparing(table, (5, 1), "east", "north")]
    await run(*jobs)
    assert table.asked == [["to the north", "to the east"]]
    for job, best in zip(jobs, ("north", "east"), strict=True):
        text, last = await emitted(job)
        assert isinstance(last, ip.Done)
        assert text == best == last.scores[0].label
        assert last.frame == b"\xf1"


async def test_without_labels_the_picture_itself_is_embedded() -> None:
    job = comparing(Table(), (3, 4))
    await run(job)
    (reply,) = await emitted(job)
    assert isinstance(reply, ip.EmbedReply)
    assert [list(row.values) for row in reply.embeddings] == [pytest.approx([0.6, 0.8])]


async def test_texts_need_no_picture() -> None:
    job = EmbeddingJob(tail=Table(), image=None, texts=("north", "east", "north"))
    await run(job)
    (reply,) = await emitted(job)
    assert isinstance(reply, ip.EmbedReply)
    assert [tuple(row.values) for row in reply.embeddings] == [NORTH, EAST, NORTH]


async def test_a_picture_that_is_no_number_spoils_its_own_job_only() -> None:
    table, engine = Table(), Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20))
    spoilt, whole = comparing(table, (float("nan"), 1), "north"), comparing(table, (0, 1), "north")
    with engine.holding(spoilt), engine.holding(whole):
        await engine.step()
        with pytest.raises(PayloadError, match="send the picture instead"):
            await emitted(spoilt)
        assert (await emitted(whole))[0] == "north"


async def test_an_aborted_job_gets_no_event() -> None:
    job = comparing(Table(), (0, 1), "north")
    job.cancelled = True
    await run(job)
    assert job._events.empty()


def embedding(table: Table, name: str, count: int) -> EmbeddingJob:
    return EmbeddingJob(tail=table, image=None, texts=tuple(f"{name} {place}" for place in range(count)))


async def test_no_step_reads_more_texts_than_a_slice_and_every_job_gets_its_share() -> None:
    table, engine = Table(), Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20))
    long, short = embedding(table, "long", 3 * MAX_TEXTS), embedding(table, "short", MAX_TEXTS // 2)
    with engine.holding(long), engine.holding(short):
        await engine.step()
        assert (short.finished, long.finished) == (True, False)
        for _ in range(3):
            await engine.step()
        assert long.finished
    assert max(map(len, table.asked)) <= MAX_TEXTS
    (reply,) = await emitted(long)
    assert isinstance(reply, ip.EmbedReply)
    assert len(reply.embeddings) == 3 * MAX_TEXTS


async def test_who_comes_later_has_a_turn_before_a_long_request_goes_on() -> None:
    """A picture among known labels reads no text, and waits for one slice, not for the others' requests."""
    table, engine = Table(), Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20))
    table.cached = {"to the north"}
    longs = [embedding(table, f"long {number}", 100 * MAX_TEXTS) for number in range(8)]
    for job in longs:
        engine.queue.put(job)
    await engine.step()
    known = comparing(table, (0, 1), "north")
    with engine.holding(known):
        await engine.step()  # those that waited before it
        await engine.step()
        assert (known.finished, len(table.asked)) == (True, 2)
    assert engine.load().waiting == len(longs)


async def test_a_picture_with_many_labels_is_encoded_once() -> None:
    table, engine = Table(), Engine(RequestQueue(Scheduler(8), 64), EncoderCache(1 << 20))
    labels = ["north", *(f"east {place}" for place in range(2 * MAX_TEXTS))]
    with engine.holding(job := comparing(table, (0, 2), *labels)):
        while not job.finished:
            await engine.step()
    text, last = await emitted(job)
    assert text == "north"
    assert isinstance(last, ip.Done)
    assert (len(last.scores), table.encoded) == (len(labels), 1)
