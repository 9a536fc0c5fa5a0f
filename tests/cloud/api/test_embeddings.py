"""Comparisons of pictures and texts side by side, with a tail that is a table."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from cloud.engine.embedding_batch import TEXTS, Comparisons
from cloud.engine.job import Comparison
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

    def enter(self, _cut: str, pictures: list[Mapping[str, Tensor]]) -> Tensor:
        return torch.stack([picture["at"][None] for picture in pictures])

    def embed(self, texts: Sequence[str]) -> Floats:
        self.asked.append(list(texts))
        return np.array([NORTH if "north" in text else EAST for text in texts], np.float32)


def looking(table: Table, at: tuple[float, float], *labels: str) -> Comparison:
    texts = tuple(f"to the {label}" for label in labels)
    return Comparison(
        tail=table, cut="c", boundary={"at": torch.tensor(at)}, frame="f", labels=labels, texts=texts
    )


def done(*jobs: Comparison) -> None:
    batch = Comparisons(jobs)
    batch.encode_images()
    assert [job.frame for job, _ in batch.image_embeds()] == [job.frame for job in jobs if job.cut != TEXTS]
    batch.prefill()
    assert not batch.postprocess()
    assert not batch.jobs


async def told(job: Comparison) -> list[object]:
    return [event async for event in job.events()]


async def test_every_picture_gets_its_own_labels_and_each_text_is_read_once() -> None:
    table = Table()
    jobs = [looking(table, (0, 3), "north", "east"), looking(table, (5, 1), "east", "north")]
    done(*jobs)
    assert table.asked == [["to the north", "to the east"]]
    for job, best in zip(jobs, ("north", "east"), strict=True):
        text, last = await told(job)
        assert isinstance(last, ip.Done)
        assert text == best == last.scores[0].label
        assert last.frame == "f"


async def test_without_labels_the_picture_itself_is_told() -> None:
    job = looking(Table(), (3, 4))
    done(job)
    (reply,) = await told(job)
    assert isinstance(reply, ip.EmbedReply)
    assert [list(row.values) for row in reply.embeddings] == [pytest.approx([0.6, 0.8])]


async def test_texts_need_no_picture() -> None:
    job = Comparison(tail=Table(), cut=TEXTS, boundary={}, frame="", texts=("north", "east", "north"))
    done(job)
    (reply,) = await told(job)
    assert isinstance(reply, ip.EmbedReply)
    assert [tuple(row.values) for row in reply.embeddings] == [NORTH, EAST, NORTH]


async def test_a_picture_that_is_no_number_spoils_its_own_job_only() -> None:
    table = Table()
    spoilt, whole = looking(table, (float("nan"), 1), "north"), looking(table, (0, 1), "north")
    done(spoilt, whole)
    with pytest.raises(PayloadError, match="send the picture instead"):
        await told(spoilt)
    assert (await told(whole))[0] == "north"


async def test_whoever_has_left_is_told_nothing() -> None:
    job = looking(Table(), (0, 1), "north")
    job.cancelled = True
    done(job)
    assert job._events.empty()
