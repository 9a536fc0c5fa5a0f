"""Every way into the tail gives what transformers' own `generate` gives for the whole model."""

import asyncio
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import AutoProcessor

from cloud.models.placement import Placement
from cloud.models.tail import Tail
from protos import inference_pb2 as ip
from protos.bundle import Bundle
from splitter.families.loading import load_model
from tests.cloud.calling import SECRET, Head, Pixels, calling, picture_request

QUESTIONS = ("describe the image", "what color is the background", "how many objects are there")
CUTS = ("vision.2", "vision.4", "connector")


class ReferenceModel:
    """The whole model with its processor, untouched by us."""

    def __init__(self, bundle: Bundle) -> None:
        folder = bundle.folder("cloud")
        self._model = load_model(folder)
        self._processor: Any = AutoProcessor.from_pretrained(folder, local_files_only=True)

    def answer(self, pixels: Pixels, question: str) -> str:
        content = [{"type": "image"}, {"type": "text", "text": question}]
        text = self._processor.apply_chat_template([{"role": "user", "content": content}])
        inputs = self._processor(text=text, images=[Image.fromarray(pixels)], return_tensors="pt")
        with torch.inference_mode():
            out = self._model.generate(**inputs, max_new_tokens=64, do_sample=False)
        return str(self._processor.decode(out[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))


@pytest.fixture(scope="module")
def expected(bundle: Bundle, scenes: list[Pixels]) -> dict[tuple[int, str], str]:
    whole = ReferenceModel(bundle)
    return {
        (i, question): whole.answer(scene, question)
        for i, scene in enumerate(scenes)
        for question in QUESTIONS
    }


async def test_a_picture_is_answered_as_the_whole_model_answers(
    tail: Tail, scenes: list[Pixels], expected: dict[tuple[int, str], str]
) -> None:
    async with calling(tail) as caller:
        for (i, question), answer in expected.items():
            assert (await caller.ask(picture_request(tail.bundle, scenes[i], question))).text == answer


@pytest.mark.parametrize("cut", CUTS)
async def test_a_cut_is_answered_as_the_whole_model_answers(
    cut: str, tail: Tail, head: Head, scenes: list[Pixels], expected: dict[tuple[int, str], str]
) -> None:
    async with calling(tail) as caller:
        for (i, question), answer in expected.items():
            request = ip.InferRequest(
                bundle=tail.bundle.id, question=question, features=head.features(scenes[i], cut)
            )
            assert (await caller.ask(request)).text == answer


async def test_a_batch_of_different_lengths_is_answered_as_each_alone(
    tail: Tail, endless: Tail, scenes: list[Pixels], expected: dict[tuple[int, str], str]
) -> None:
    async with calling(tail, endless, max_batch=32) as caller:
        first = asyncio.create_task(
            caller.ask(
                picture_request(
                    endless.bundle, scenes[0], QUESTIONS[0], generation=ip.Generation(max_tokens=40)
                )
            )
        )
        await caller.until_running()
        answers = await asyncio.gather(
            *(caller.ask(picture_request(tail.bundle, scenes[i], question)) for i, question in expected)
        )
        assert [answer.text for answer in answers] == list(expected.values())
        assert len({answer.done.stages.tail for answer in answers}) < len(answers), "nothing was batched"
        await first


async def test_two_bundles_are_served_side_by_side(tail: Tail, endless: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail, endless) as caller:
        ending = await caller.ask(picture_request(tail.bundle, scenes[0], QUESTIONS[1]))
        going_on = await caller.ask(
            picture_request(endless.bundle, scenes[0], QUESTIONS[1], generation=ip.Generation(max_tokens=20))
        )
    assert ending.done.reason == ip.Done.STOP
    assert (going_on.done.reason, going_on.done.tokens) == (ip.Done.LENGTH, 20)
    assert going_on.text.startswith(ending.text)


async def test_pieces_joined_are_the_answer(
    tail: Tail, scenes: list[Pixels], expected: dict[tuple[int, str], str]
) -> None:
    async with calling(tail, text_interval=0) as caller:
        answer = await caller.ask(picture_request(tail.bundle, scenes[0], QUESTIONS[0]))
    assert answer.text == expected[0, QUESTIONS[0]]
    assert len(answer.pieces) == answer.done.tokens > 2


async def test_what_follows_the_first_token_comes_once_in_an_interval(
    tail: Tail, scenes: list[Pixels], expected: dict[tuple[int, str], str]
) -> None:
    async with calling(tail, text_interval=60) as caller:
        answer = await caller.ask(picture_request(tail.bundle, scenes[0], QUESTIONS[0]))
    assert "".join(answer.pieces) == expected[0, QUESTIONS[0]]
    assert len(answer.pieces) == 2


async def test_the_limit_on_tokens_is_the_bundles(tail: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail) as caller:
        short = await caller.ask(
            picture_request(tail.bundle, scenes[0], QUESTIONS[0], generation=ip.Generation(max_tokens=2))
        )
        greedy = await caller.ask(
            picture_request(tail.bundle, scenes[0], QUESTIONS[0], generation=ip.Generation(max_tokens=10**6))
        )
    assert (short.done.reason, short.done.tokens) == (ip.Done.LENGTH, 2)
    assert greedy.done.tokens <= tail.limits.max_new_tokens


async def test_sampling_with_a_seed_is_the_same_alone_and_in_a_batch(
    tail: Tail, endless: Tail, scenes: list[Pixels]
) -> None:
    drawn = [ip.Generation(temperature=3.0, top_p=0.95, seed=seed, max_tokens=12) for seed in range(6)]
    requests = [
        picture_request(tail.bundle, scenes[0], QUESTIONS[0], generation=generation) for generation in drawn
    ]
    async with calling(tail, endless) as caller:
        alone = [(await caller.ask(request)).text for request in requests]
        again = [(await caller.ask(request)).text for request in requests]
        first = asyncio.create_task(
            caller.ask(
                picture_request(
                    endless.bundle, scenes[1], QUESTIONS[0], generation=ip.Generation(max_tokens=40)
                )
            )
        )
        await caller.until_running()
        together = [answer.text for answer in await asyncio.gather(*map(caller.ask, requests))]
        await first
    assert alone == again == together
    assert len(set(alone)) > 1, "a hot temperature should give different answers for different seeds"


async def test_a_second_question_about_a_frame_uploads_nothing(
    tail: Tail, head: Head, scenes: list[Pixels]
) -> None:
    async with calling(tail) as caller:
        first = await caller.ask(
            ip.InferRequest(
                bundle=tail.bundle.id,
                question=QUESTIONS[0],
                features=head.features(scenes[2], "vision.2"),
                client_secret=SECRET,
            )
        )
        fresh = await caller.ask(picture_request(tail.bundle, scenes[2], QUESTIONS[1]))
        second = await caller.ask(
            ip.InferRequest(
                bundle=tail.bundle.id,
                question=QUESTIONS[1],
                cached_frame=first.done.frame,
                client_secret=SECRET,
            )
        )
    assert second.text == fresh.text
    assert second.done.frame == first.done.frame != fresh.done.frame


async def test_done_reports_the_stage_times(tail: Tail, scenes: list[Pixels]) -> None:
    async with calling(tail) as caller:
        stages = (await caller.ask(picture_request(tail.bundle, scenes[0], QUESTIONS[0]))).done.stages
    parts = [stages.decode, stages.queue, stages.tail, stages.first_token, stages.generate]
    assert all(part >= 0 for part in parts)
    assert min(stages.decode, stages.tail, stages.first_token, stages.generate) > 0
    assert sum(parts) <= stages.total


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
async def test_every_dtype_answers(
    dtype: torch.dtype, bundle: Bundle, head: Head, scenes: list[Pixels]
) -> None:
    tail = Tail(bundle, Placement(torch.device("cpu"), dtype, "for tests"))
    tail.warm()
    async with calling(tail) as caller:
        assert (await caller.ask(picture_request(bundle, scenes[0], QUESTIONS[0]))).text
        for cut in CUTS:
            request = ip.InferRequest(
                bundle=bundle.id, question=QUESTIONS[0], features=head.features(scenes[0], cut)
            )
            assert (await caller.ask(request)).text
