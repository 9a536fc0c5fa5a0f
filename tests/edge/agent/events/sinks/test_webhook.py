"""Events are posted to a real server until it has taken them."""

import hashlib
import hmac
import logging
import threading
from pathlib import Path

import pytest

from edge.agent.events.event import Event
from edge.agent.events.sinks import sink
from edge.agent.events.sinks.webhook import WebhookSink
from edge.agent.settings.quantities import Milliseconds
from protos.errors import RequestError
from tests.edge.agent.events.sightings import event
from tests.edge.agent.events.sinks.feeding import feed, put, running, until
from tests.edge.agent.events.sinks.webhook_server import Posted, WebhookServer, serving

EVENTS = [event("a"), event("a", "end"), event("b")]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(sink, "_MAX_SECONDS", 0.05)


def keys(server: WebhookServer) -> list[str]:
    return [posted.headers["Idempotency-Key"] for posted in server.posted]


async def test_an_event_is_posted_as_json_signed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("pa55\n")
    server = WebhookServer()
    with serving(server) as url:
        async with running(WebhookSink(name="it", url=url, secret_file=secret), feed(), EVENTS):
            first = (await server.has(3))[0]
    assert Event.parse(first.body) == EVENTS[0]
    assert first.headers["Content-Type"] == "application/json"
    right = hmac.new(b"pa55", first.body, hashlib.sha256).hexdigest()
    assert first.headers["Isthmus-Signature"] == f"sha256={right}"
    assert keys(server) == ["a-begin", "a-end", "b-begin"]


@pytest.mark.parametrize("trouble", [500, 503, 429, 401, 404])
async def test_what_is_not_taken_is_sent_again_by_the_same_key_and_in_order(trouble: int) -> None:
    server = WebhookServer(trouble, (trouble, {"Retry-After": "0"}))
    with serving(server) as url:
        async with running(WebhookSink(name="it", url=url), feed(), EVENTS):
            await server.has(5)
    assert keys(server) == ["a-begin"] * 3 + ["a-end", "b-begin"]


async def test_what_is_refused_for_good_keeps_nothing_else_waiting(caplog: pytest.LogCaptureFixture) -> None:
    server = WebhookServer(422)
    with serving(server) as url:
        async with running(WebhookSink(name="it", url=url), feed(), EVENTS):
            await server.has(3)
    assert keys(server) == ["a-begin", "a-end", "b-begin"]
    assert "refuses gate/person (a-begin) for good: 127.0.0.1 answers 422" in caplog.text


async def test_a_redirect_is_not_followed(caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = WebhookServer()
    with serving(elsewhere) as other:
        server = WebhookServer((307, {"Location": other}), (302, {"Location": other}))
        with serving(server) as url:
            async with running(WebhookSink(name="it", url=url), feed(), EVENTS[:1]):
                await server.has(3)
    assert elsewhere.posted == []
    assert "a redirect, which is not followed" in caplog.text


async def test_a_server_that_comes_late_gets_all_and_secrets_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    gone = WebhookServer()
    with serving(gone) as url:
        pass
    server, fed = WebhookServer(), feed()
    async with running(WebhookSink(name="it", url=url), fed, EVENTS[:2]):
        await until(lambda: "does not answer" in caplog.text)
        with serving(server, gone.port):
            await put(fed, EVENTS[2])
            await server.has(3)
    assert keys(server) == ["a-begin", "a-end", "b-begin"]
    assert sum("does not answer" in record.message for record in caplog.records) == 1, "said once"
    assert "s3cret-path" not in caplog.text
    assert "a person" not in caplog.text


async def test_a_server_that_is_too_slow_is_asked_again() -> None:
    answer = threading.Event()

    class Slow(WebhookServer):
        def reply(self, posted: Posted) -> tuple[int, dict[str, str]]:
            first = not self.posted
            status = super().reply(posted)
            if first:
                answer.wait(60)
            return status

    server = Slow()
    with serving(server) as url:
        sink = WebhookSink(name="it", url=url, timeout=Milliseconds(100))
        async with running(sink, feed(), EVENTS[:1]):
            await server.has(2)
            answer.set()
    assert keys(server)[:2] == ["a-begin", "a-begin"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host/x", "none of the web"),
        ("https://", "none of the web"),
        ("https://user:pw@host/x", "use secret-file"),
        ("http://192.168.0.9/x", "allow-plain = true"),
        ("http://a:b/", "the url is none"),
    ],
)
def test_a_url_that_cannot_be_is_refused(url: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        WebhookSink(name="it", url=url).check()


def test_plain_http_goes_to_this_machine_and_where_it_is_allowed() -> None:
    WebhookSink(name="it", url="http://localhost:1/x").check()
    WebhookSink(name="it", url="http://192.168.0.9/x", allow_plain=True).check()
