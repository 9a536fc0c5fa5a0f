"""The live page: what it shows, and that it shows nothing that is not its own."""

import json
from collections.abc import Iterator

import httpx
import pytest

from edge.agent.outbox.answers import standing_answer
from edge.agent.outbox.entries import Entry
from protos.bundle import Bundle
from tests.edge.agent.http.serving import (
    MODEL,
    PATIENCE_SECONDS,
    Running,
    asked,
    data_url,
    png,
    scene,
    serving,
)
from tests.edge.agent.outbox.entries import answered, note, request
from tests.pages import HOSTILE, checked


def ask(server: Running, seed: int = 1, question: str = "how many squares are there?") -> str:
    body = {"model": MODEL, "messages": asked(data_url(png(scene(seed))), question)}
    reply = httpx.post(f"{server.url}/v1/chat/completions", json=body, timeout=PATIENCE_SECONDS)
    return str(reply.json()["choices"][0]["message"]["content"])


@pytest.fixture
def server(bundle: Bundle) -> Iterator[Running]:
    with serving(bundle, frames=2) as running:
        yield running


def test_before_the_first_answer_the_page_says_so(server: Running) -> None:
    reply = httpx.get(server.url)
    assert "Nothing was asked yet" in reply.text
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_an_answer_is_shown_with_its_frame_and_the_decision_behind_it(server: Running) -> None:
    said = ask(server)
    page = httpx.get(server.url).text
    assert f">{said}</p>" in page
    assert 'src="/frames/1.jpg"' in page
    assert httpx.get(f"{server.url}/frames/1.jpg").content.startswith(b"\xff\xd8\xff")
    behind = httpx.get(f"{server.url}/answers/1").text
    assert "local was chosen among" in behind
    assert "What each way would have cost" in behind


def test_only_the_newest_frames_are_kept(server: Running) -> None:
    for seed in range(3):
        ask(server, seed)
    kept = [httpx.get(f"{server.url}/frames/{number}.jpg").status_code for number in (1, 2, 3)]
    assert kept == [404, 200, 200]
    assert 'src="/frames/1.jpg"' not in httpx.get(server.url).text


def test_no_frame_is_kept_where_none_is_wanted(bundle: Bundle) -> None:
    with serving(bundle, frames=0) as server:
        said = ask(server)
        page = httpx.get(server.url).text
        assert httpx.get(f"{server.url}/frames/1.jpg").status_code == 404
    assert f">{said}</p>" in page
    assert "<img" not in page


def test_a_deferred_answer_is_shown_without_its_frame(server: Running) -> None:
    entry = Entry(b"key", "digest", note(), request().SerializeToString())
    server.portal.call(server.part.feed.observe, standing_answer(answered(entry, "red")))
    page = httpx.get(server.url).text
    assert ">red</p>" in page
    assert "<img" not in page
    assert httpx.get(f"{server.url}/answers/1").is_success


def test_the_pages_are_as_all_of_ours_and_what_a_caller_writes_is_text(server: Running) -> None:
    checked(httpx.get(server.url).text, served=True)
    ask(server, question=HOSTILE)
    for path in ("", "/answers/1"):
        assert HOSTILE in checked(httpx.get(f"{server.url}{path}").text, served=True).text


def test_parts_that_change_are_sent_as_they_do(server: Running) -> None:
    with httpx.stream("GET", f"{server.url}/live") as reply:
        lines = reply.iter_lines()
        first = {next(parts_in(lines))["id"] for _ in range(6)}
        server.portal.call(server.part.feed.happened, 0.0, "door", "somebody came")
        later = next(parts_in(lines))
    assert "live-frames" in first
    assert later["id"] == "live-events"
    assert "somebody came" in later["markup"]


def parts_in(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    return (json.loads(line[6:]) for line in lines if line.startswith("data: "))


def test_a_browser_shows_what_comes_and_can_pause(server: Running) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as tools:
        try:
            browser = tools.chromium.launch(executable_path="/usr/bin/chromium")
        except playwright.Error:
            pytest.skip("no chromium here")
        page, complaints = browser.new_page(viewport={"width": 375, "height": 740}), []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(server.url)
        page.get_by_text("Live", exact=True).wait_for()
        said = ask(server)
        page.locator(".gallery .answer", has_text=said).wait_for()
        page.locator(".gallery img").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        page.get_by_role("button", name="Pause").click()
        page.get_by_text("Paused", exact=True).wait_for()
        page.get_by_role("link", name="Why local answered this").click()
        page.get_by_role("heading", name="What each way would have cost").wait_for()
        browser.close()
    assert not complaints
