"""Requests that no client sends: damaged, deep, large, of another kind."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from edge.agent.settings.quantities import Milliseconds
from protos.bundle import Bundle
from tests.edge.agent.http.serving import MODEL, PATIENCE_SECONDS, Never, asked, data_url, png, scene, serving

CHAT = "/v1/chat/completions"
URL = data_url(png(scene()))


@pytest.fixture(scope="module")
def client(bundle: Bundle) -> Iterator[httpx.Client]:
    with (
        serving(bundle, max_body=100_000) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        yield client


def body(**changes: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": asked(URL)} | changes


def deep(levels: int) -> str:
    return f'{{"model": "{MODEL}", "messages": ' + "[" * levels + "]" * levels + "}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("\udcff".encode("utf-8", "surrogateescape"), "not JSON"),
        ('{"model": "isthmus/auto", "temperature": NaN}', "not JSON"),
        (json.dumps(body()).replace("{", '{"temperature": 1e999, ', 1), "temperature: number out of range"),
        (deep(20_000), "messages"),
        (json.dumps(body(user=None)).replace("null", "[" * 20_000 + "]" * 20_000), "nested too deeply"),
        (json.dumps(body(messages=[])), "messages: "),
        (json.dumps(body(max_tokens="8")), "max_tokens: expected `int"),
        (json.dumps(body(frequency=3)), "no parameter 'frequency'"),
        (json.dumps(body(tools=[{"type": "function"}])), "tools is not supported"),
        (json.dumps(body(isthmus={"deadline": "3"})), "isthmus.deadline: '3' is not a time"),
        (json.dumps(body(isthmus={"never": True})), "isthmus: object contains unknown field `never`"),
        (json.dumps(body(messages=asked("data:image/png;base64,AAAA"))), "picture"),
        (json.dumps(body(messages=asked("data:image/png;base64,%%%"))), "no base64"),
        (json.dumps(body(messages=asked("ftp://host/a.png"))), "data URL"),
        (json.dumps(body(messages=asked(URL) * 2)), "no place for earlier turns"),
        (json.dumps(body(messages=asked(URL, ""))), "question is empty"),
    ],
)
def test_what_is_wrong_is_said_in_openai_s_form(client: httpx.Client, content: str, words: str) -> None:
    reply = client.post(CHAT, content=content)
    assert reply.status_code == 400
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert words in error["message"]


def test_a_large_body_is_refused_by_what_it_claims_and_by_what_it_is(client: httpx.Client) -> None:
    piece = b"x" * 10_000
    claimed = client.post(CHAT, content=piece * 11)
    chunked = client.post(CHAT, content=(piece for _ in range(5000)))
    for reply in (claimed, chunked):
        assert reply.status_code == 413
        assert reply.json()["error"]["code"] == "request_too_large"
    assert client.post(CHAT, json=body()).status_code == 200


def test_a_picture_of_50_mb_is_answered_where_the_operator_allows_it(bundle: Bundle) -> None:
    large = data_url(png(scene()) + bytes(50_000_000))  # what is behind a PNG's end is read by nobody
    with serving(bundle, max_body=80_000_000) as server:
        reply = httpx.post(server.url + CHAT, json=body(messages=asked(large)), timeout=PATIENCE_SECONDS)
    assert reply.status_code == 200
    with serving(bundle) as server, httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client:
        assert client.post(CHAT, json=body(messages=asked(large))).status_code == 413


def test_addresses_and_methods_that_are_none(client: httpx.Client) -> None:
    assert client.get("/v1/none").json()["error"]["code"] == "not_found"
    assert client.get(CHAT).status_code == 405
    assert client.get("/v1/models/isthmus/local").json()["id"] == "isthmus/local"
    assert client.get("/v1/models/gpt-4").status_code == 404


def test_a_slow_body_is_not_waited_for(bundle: Bundle) -> None:
    with serving(bundle, body_time=Milliseconds(50)) as server:
        httpx.get(f"{server.url}/healthz").raise_for_status()  # it listens
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(
                f"POST {CHAT} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 10\r\n\r\n{{".encode()
            )
            assert connection.recv(64).startswith(b"HTTP/1.1 408 ")


def test_more_than_may_wait_are_told_to_come_back(bundle: Bundle) -> None:
    never = Never()
    with (
        serving(bundle, never, max_waiting=1) as server,
        httpx.Client(base_url=server.url, timeout=PATIENCE_SECONDS) as client,
    ):
        first = server.portal.start_task_soon(_post, server.url)
        server.portal.call(never.asked.wait)
        reply = client.post(CHAT, json=body())
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "1")
        first.cancel()


async def _post(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as client:
        await client.post(CHAT, json=body(), timeout=None)
