"""The plain server and the bound say what the service says."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.service import bound, plain
from bench.service.model import AnsweringModel, check_answers
from bench.service.workloads import MIXED, UPLOAD, read_requests, write_workloads
from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from protos.errors import RequestError
from tests.cloud.calling import calling

TOKENS = 3


@pytest.fixture(scope="module")
def requests(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[ip.InferRequest]:
    """Features of each cut, and an upload."""
    workloads = write_workloads(Bundle.open(bundle_path), TOKENS, tmp_path_factory.mktemp("asked"))
    mixed = read_requests(workloads.folders[MIXED])[: len(workloads.cuts)]
    return [*mixed, read_requests(workloads.folders[UPLOAD])[0]]


@pytest.fixture(scope="module")
def model(bundle_path: Path) -> AnsweringModel:
    return AnsweringModel(bundle_path, "cpu", "float32", 1)


async def test_the_plain_server_gives_the_same_answers(
    model: AnsweringModel, requests: Sequence[ip.InferRequest]
) -> None:
    rival = plain.PlainInference(model)
    async with calling(model.tail) as caller:
        for request in requests:
            ours = await caller.ask(request)
            theirs = [reply async for reply in rival.Infer(request, None)]
            assert theirs[0].text == ours.text
            assert theirs[-1].done.tokens == ours.done.tokens


def test_the_bound_makes_as_many_tokens(model: AnsweringModel, requests: Sequence[ip.InferRequest]) -> None:
    seen = [model.see(request) for request in requests]
    alone = [bound._answer(model, [one]) for one in seen]
    assert all(0 < tokens <= TOKENS for tokens in alone)
    assert bound._answer(model, seen) == sum(alone)


def test_a_model_that_does_not_answer_from_embeddings_is_refused() -> None:
    with pytest.raises(RequestError, match="measure another bundle"):
        check_answers(pb.Manifest(model="clip-vit", family="clip"))
