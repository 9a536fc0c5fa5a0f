"""OpenAI's own client asks the service, which knows nothing of it but its API."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from cloud.config import AccessConfig, RateLimits
from cloud.identity.identity import Identity
from cloud.identity.token_list import new_token
from cloud.models.tail import Tail
from tests.cloud.calling import Caller, Pixels, calling, picture_request, png

QUESTION = "describe the image"


def messages(data: bytes, question: str = QUESTION) -> Any:
    """One picture and one question, which the client types in its own way."""
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    parts = [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": url}}]
    return [{"role": "user", "content": parts}]


@asynccontextmanager
async def asking(
    *tails: Tail, token: str = "none", **settings: Any
) -> AsyncIterator[tuple[openai.AsyncOpenAI, Caller]]:
    """OpenAI's client of a real service, and one of gRPC."""
    async with (
        calling(*tails, http=("127.0.0.1", 0), **settings) as caller,
        openai.AsyncOpenAI(base_url=f"{caller.service.http_url}/v1", api_key=token, max_retries=0) as client,
    ):
        yield client, caller


async def test_whole_and_streamed_an_answer_is_the_one_over_grpc(tail: Tail, scenes: list[Pixels]) -> None:
    asked: dict[str, Any] = {"model": "nano", "messages": messages(png(scenes[0]))}
    async with asking(tail) as (client, caller):
        over_grpc = await caller.ask(picture_request(tail.bundle, scenes[0], QUESTION))
        whole = await client.chat.completions.create(**asked)
        stream = await client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}
        )
        *texts, last, usage = [chunk async for chunk in stream]
        short = await client.chat.completions.create(**asked, max_tokens=1)
    assert whole.choices[0].message.content == over_grpc.text
    assert whole.choices[0].finish_reason == last.choices[0].finish_reason == "stop"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in texts) == over_grpc.text
    assert usage.usage == whole.usage
    assert whole.usage
    assert whole.usage.completion_tokens == over_grpc.done.tokens
    assert short.choices[0].finish_reason == "length"
    assert (whole.model_extra or {})["isthmus"]["stages"]["total"] > 0


async def test_the_models_are_the_bundles(tail: Tail, endless: Tail) -> None:
    async with asking(tail, endless) as (client, _):
        assert [model.id async for model in client.models.list()] == ["nano", "endless"]
        assert (await client.models.retrieve("endless")).owned_by == "isthmus"
        with pytest.raises(openai.NotFoundError, match="did you mean nano"):
            await client.models.retrieve("nanno")


async def test_a_caller_who_hangs_up_in_mid_answer_ends_it(endless: Tail, scenes: list[Pixels]) -> None:
    async with asking(endless) as (client, caller):
        stream = await client.chat.completions.create(
            model="endless", messages=messages(png(scenes[0])), stream=True
        )
        assert (await anext(aiter(stream))).choices
        await caller.until_running()
        await stream.close()
        await caller.until_idle()


async def test_what_is_wrong_is_said_in_openai_s_form(tail: Tail, scenes: list[Pixels]) -> None:
    data = png(scenes[0])
    async with asking(tail) as (client, _):
        create = client.chat.completions.create
        for asked, words, error in (
            (messages(data, " "), "the question is empty", openai.BadRequestError),
            (messages(b"no picture"), "picture", openai.BadRequestError),
            (messages(data) * 2, "no place for earlier turns", openai.BadRequestError),
            (messages(data + bytes(50_000_000)), "make the picture smaller", openai.APIStatusError),
        ):
            with pytest.raises(error, match=words) as refused:
                await create(model="nano", messages=asked)
            assert isinstance(refused.value.body, dict)
            assert set(refused.value.body) == {"message", "type", "param", "code"}
        assert refused.value.status_code == 413
        with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-4'"):
            await create(model="gpt-4", messages=messages(data))
        with pytest.raises(openai.BadRequestError, match="embeds nothing"):
            await client.embeddings.create(model="nano", input="a cat")


async def test_its_callers_are_known_and_limited_as_those_over_grpc(
    tail: Tail, scenes: list[Pixels], tmp_path: Path
) -> None:
    made = new_token(Identity.checked("site", "camera-7", "device"))
    (tmp_path / "tokens").write_text(made.line)
    access, rates = AccessConfig(tokens=tmp_path / "tokens"), RateLimits(device_requests=0.01)
    asked: dict[str, Any] = {"model": "nano", "messages": messages(png(scenes[0]))}
    async with asking(tail, token=made.token, access=access, rates=rates) as (client, _):
        stranger = client.with_options(api_key="another")
        for data in (png(scenes[0]), png(scenes[0]) + bytes(8_000_000)):  # who is hung up on learns nothing
            with pytest.raises(openai.AuthenticationError):
                await stranger.chat.completions.create(model="nano", messages=messages(data))
        with pytest.raises(openai.AuthenticationError):
            await stranger.models.list()
        assert (await client.chat.completions.create(**asked)).choices[0].message.content
        with pytest.raises(openai.RateLimitError, match="sent as much as it may") as refused:
            await client.chat.completions.create(**asked)
    assert int(refused.value.response.headers["retry-after"]) > 50  # at one in a hundred seconds


async def test_a_service_that_drains_lets_nobody_in(tail: Tail, scenes: list[Pixels]) -> None:
    asked: dict[str, Any] = {"model": "nano", "messages": messages(png(scenes[0]))}
    async with asking(tail) as (client, caller):
        assert await caller.service.drain(5)
        with pytest.raises(openai.APIStatusError, match="shutting down") as draining:
            await client.chat.completions.create(**asked)
    assert draining.value.status_code == 503


async def test_what_is_no_request_of_openai_s_is_refused(tail: Tail) -> None:
    async with calling(tail, http=("127.0.0.1", 0)) as caller, httpx.AsyncClient() as client:
        url = caller.service.http_url
        assert (await client.post(f"{url}/v1/chat/completions", content=b"{")).status_code == 400
        assert (await client.get(f"{url}/v1/chat/completions")).status_code == 405
        assert (await client.get(f"{url}/none")).status_code == 404
