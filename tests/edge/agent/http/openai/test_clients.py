"""Clients that know nothing of Isthmus ask the agent: the `openai` package, unchanged, and LangChain."""

import asyncio
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import BaseModel

from edge.agent.config.reading import settings_of
from edge.testing.scripted_cloud import falls_silent, says
from edge.testing.scripted_cloud import serving as clouded
from protos.bundle import Bundle
from tests.edge.agent.http.serving import MODEL, Running, asked, data_url, png, scene, serving


@pytest.fixture(scope="module")
def running(bundle: Bundle) -> Iterator[Running]:
    with serving(bundle) as server:
        yield server


@pytest.fixture
def client(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def url() -> str:
    return data_url(png(scene()))


def told_by(answer: BaseModel) -> dict[str, Any]:
    """What Isthmus says of an answer, which the client knows nothing of."""
    found: dict[str, Any] = (answer.model_extra or {})["isthmus"]
    return found


def test_an_answer_says_how_it_came(client: openai.OpenAI, url: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=asked(url), max_tokens=8)
    answer = raw.parse()
    (choice,) = answer.choices
    assert choice.message.content
    assert choice.finish_reason == "stop"
    assert answer.usage
    assert answer.usage.completion_tokens > 0
    told = told_by(answer)
    assert raw.headers["isthmus-route"] == told["route"] == "local"
    assert told["arms"] == {"local": "chosen"}
    assert set(told["stages"]) >= {"head", "first_token", "total"}


def test_a_stream_tells_the_same_answer(client: openai.OpenAI, url: str) -> None:
    whole = client.chat.completions.create(model=MODEL, messages=asked(url))
    with client.chat.completions.create(
        model=MODEL, messages=asked(url), stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    *texts, last, usage = chunks
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in texts) == whole.choices[0].message.content
    )
    assert last.choices[0].finish_reason == "stop"
    assert told_by(last)["route"] == "local"
    assert not usage.choices
    assert usage.usage == whole.usage


def test_the_models_are_the_ways_to_answer(bundle: Bundle, client: openai.OpenAI, url: str) -> None:
    assert [model.id for model in client.models.list()] == ["isthmus/auto", "isthmus/local"]
    with (
        clouded(says("two")) as cloud,
        serving(bundle, cloud=cloud.address) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as other,
    ):
        names = [model.id for model in other.models.list()]
        answer = other.chat.completions.create(model="isthmus/split@connector", messages=asked(url))
    assert {"isthmus/split", "isthmus/upload", "isthmus/split@connector"} <= set(names)
    assert answer.choices[0].message.content == "two"
    assert told_by(answer)["route"].startswith("split@connector/")


def test_what_a_model_cannot_do_is_said(client: openai.OpenAI, url: str) -> None:
    with pytest.raises(openai.NotFoundError, match="did you mean isthmus/local"):
        client.chat.completions.create(model="isthmus/locl", messages=asked(url))
    system = [{"role": "system", "content": "Be short."}, *asked(url)]
    with pytest.raises(openai.BadRequestError, match="no place for a system message") as raised:
        client.chat.completions.create(model=MODEL, messages=system)
    assert (raised.value.code, raised.value.param) == ("unsupported", "messages[0]")
    with pytest.raises(openai.BadRequestError, match="0 pictures"):
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "how many?"}])
    with pytest.raises(openai.BadRequestError, match="n is not supported"):
        client.chat.completions.create(model=MODEL, messages=asked(url), n=2)


def test_a_request_has_rules_of_its_own(bundle: Bundle, url: str) -> None:
    with (
        clouded(says("two")) as cloud,
        serving(bundle, cloud=cloud.address) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
    ):
        rules = {"isthmus": {"never_leave_device": True}}
        answer = client.chat.completions.create(model=MODEL, messages=asked(url), extra_body=rules)
        with pytest.raises(openai.BadRequestError, match="rule never-leave-device") as raised:
            client.chat.completions.create(model="isthmus/split", messages=asked(url), extra_body=rules)
        assert not cloud.requests
    assert told_by(answer)["route"] == "local"
    assert raised.value.code == "no_route"


def test_a_cloud_that_is_late_is_told_by_the_status(bundle: Bundle, url: str) -> None:
    with (
        clouded(falls_silent()) as cloud,
        serving(bundle, cloud=cloud.address, network_seconds=1.0) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
    ):
        rules = {"isthmus": {"deadline": "300ms", "local": False}}
        with pytest.raises(openai.APIStatusError) as raised:
            client.chat.completions.create(model="isthmus/split", messages=asked(url), extra_body=rules)
    assert (raised.value.status_code, raised.value.code) == (504, "deadline_exceeded")


async def test_many_ask_at_once(running: Running) -> None:
    urls = [data_url(png(scene(seed))) for seed in range(6)]
    async with openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="none") as client:

        async def ask(url: str) -> str | None:
            answer = await client.chat.completions.create(model=MODEL, messages=asked(url))
            return answer.choices[0].message.content

        alone = [await ask(url) for url in urls]
        assert await asyncio.gather(*map(ask, urls)) == alone


def test_langchain_asks_too(running: Running, url: str) -> None:
    chat = pytest.importorskip("langchain_openai").ChatOpenAI
    model = chat(base_url=f"{running.url}/v1", api_key="none", model=MODEL, max_retries=0)
    whole = model.invoke(asked(url)).content
    assert whole
    assert "".join(chunk.content for chunk in model.stream(asked(url))) == whole


def test_the_documented_program_gets_an_answer(
    running: Running, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parents[5] / "docs/http.md").read_text()
    program = text.split("```python\n")[1].split("```")[0].replace("http://127.0.0.1:8080", running.url)
    exec(compile(program, "docs/http.md", "exec"), {"url": url})
    assert capsys.readouterr().out.endswith(" local\n")


def test_the_documented_settings_are_settings() -> None:
    text = (Path(__file__).parents[5] / "docs/http.md").read_text()
    block = text.split("```toml\n")[1].split("```")[0].replace("\n# ", "\n")
    assert settings_of(tomllib.loads(block)).http
