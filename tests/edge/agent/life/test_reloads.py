"""Applications that ask all the time notice nothing of a reload, and nothing of another bundle."""

import re
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from bench.rig.ports import free_port
from protos.bundle import Bundle
from splitter.storage.archive import pack
from tests.edge.agent.http.serving import MODEL, asked, data_url, png, scene
from tests.edge.agent.life.process import PATIENCE, Agent, Setting, send
from tests.edge.agent.update.archives import ArchiveServer, another, archive_server, packed

RELOADS = 10
HTTP = '[http]\nlisten = "127.0.0.1:{port}"\n'


@pytest.fixture
def setting(tmp_path: Path, bundle_path: Path) -> Iterator[Setting]:
    found = Setting(tmp_path, bundle_path)
    yield found
    found.end()


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    with archive_server() as found:
        yield found


def url_of(agent: Agent) -> str:
    found = re.search(r"http://\S+", agent.says("HTTP at "))
    assert found
    return found[0]


class Callers:
    """Some that keep their connections, some that open one for each question, one that streams, one that
    pushes; `failed` has what went wrong, in words.
    """

    def __init__(self, url: str) -> None:
        self._url, self._over = url, Event()
        self.answered, self.pushed, self.failed = 0, 0, list[str]()
        self._picture = png(scene())
        self._body = {"model": MODEL, "messages": asked(data_url(self._picture))}

    def ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=PATIENCE) as client:
            self._repeat(lambda: self._ask(client))

    def ask_anew(self) -> None:
        self._repeat(self._ask_anew)

    def stream(self) -> None:
        with httpx.Client(base_url=self._url, timeout=PATIENCE) as client:
            self._repeat(lambda: self._stream(client))

    def push(self) -> None:
        with httpx.Client(base_url=self._url, timeout=PATIENCE) as client:
            self._repeat(lambda: self._push(client))

    def over(self) -> None:
        self._over.set()

    def _repeat(self, once: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                once()
            except (httpx.HTTPError, AssertionError) as error:
                self.failed.append(repr(error))

    def _ask_anew(self) -> None:
        with httpx.Client(base_url=self._url, timeout=PATIENCE) as client:
            self._ask(client)

    def _ask(self, client: httpx.Client) -> None:
        reply = client.post("/v1/chat/completions", json=self._body)
        assert reply.status_code == 200, reply.text
        self.answered += 1

    def _stream(self, client: httpx.Client) -> None:
        with client.stream("POST", "/v1/chat/completions", json={**self._body, "stream": True}) as reply:
            assert reply.status_code == 200
            assert list(reply.iter_lines())[-2:] == ["data: [DONE]", ""]
        self.answered += 1

    def _push(self, client: httpx.Client) -> None:
        reply = client.post("/v1/push/pushed", content=self._picture)
        assert reply.status_code in {202, 429}, reply.text
        self.pushed += reply.status_code == 202
        self._over.wait(0.05)


@contextmanager
def calling(url: str) -> Iterator[Callers]:
    callers = Callers(url)
    kinds = (callers.ask, callers.ask, callers.ask_anew, callers.stream, callers.push)
    threads = [Thread(target=kind) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        callers.over()
        for thread in threads:
            thread.join()


def test_nobody_is_refused_or_hung_up_on_in_reloads_and_a_swap(
    setting: Setting, server: ArchiveServer, bundle_path: Path, tmp_path: Path
) -> None:
    newer = another(bundle_path, tmp_path / "newer")
    server.files[f"/{newer.digest}.tar"] = packed(newer, tmp_path)
    update = f'url = "{server.url}/{{digest}}.tar"\ndigest = "{newer.digest}"'
    pushed = 'kind = "push"\nname = "pushed"\nrate = "100/s"\n'
    setting.write(pushed, head=HTTP.format(port=0))
    agent = setting.run()
    url = url_of(agent)
    before = httpx.get(f"{url}/healthz").json()
    with calling(url) as callers:
        for _ in range(RELOADS):
            send(agent, signal.SIGHUP)
            agent.says("is read again")
            agent.says("watches 1 sources")
        setting.write(pushed, update=update, head=HTTP.format(port=0))
        send(agent, signal.SIGHUP)
        agent.says(f"bundle {newer.digest[:12]} takes the place of")
        agent.says(f"bundle {newer.digest[:12]} answers and is kept")
    after = httpx.get(f"{url}/healthz").json()
    assert callers.failed == []
    assert callers.answered > RELOADS
    frames = [agent.answer()["frame"] for _ in range(callers.pushed)]
    assert frames == list(range(1, callers.pushed + 1))  # each picture that was taken, once
    assert before["model"] == after["model"] == "nano"
    assert (before["bundle"], after["bundle"]) == (Bundle.open(bundle_path).digest, newer.digest)
    assert after["in_use_seconds"] < before["in_use_seconds"] + PATIENCE
    send(agent, signal.SIGTERM)
    assert agent.ends() == 0


def test_another_address_is_bound_and_one_that_is_taken_changes_nothing(setting: Setting) -> None:
    source, first = setting.folder_source(), free_port()
    setting.write(source, head=HTTP.format(port=first))
    agent = setting.run()
    assert httpx.get(f"{url_of(agent)}/readyz").is_success
    with socket.create_server(("127.0.0.1", 0)) as taken:
        setting.write(source, head=HTTP.format(port=taken.getsockname()[1]))
        send(agent, signal.SIGHUP)
        assert "nothing can listen at" in agent.says("the old settings stay")
        assert httpx.get(f"http://127.0.0.1:{first}/readyz").is_success
    setting.write(source, head=HTTP.format(port=0))
    send(agent, signal.SIGHUP)
    assert httpx.get(f"{url_of(agent)}/readyz").is_success
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{first}/readyz")
    setting.write(source)
    send(agent, signal.SIGHUP)
    agent.says("watches 1 sources")
    setting.write(source, head=HTTP.format(port=first))
    send(agent, signal.SIGHUP)
    assert httpx.get(f"{url_of(agent)}/readyz").is_success


def test_a_packed_bundle_is_opened_and_another_in_its_place_is_taken_at_a_reload(
    bundle: Bundle, tmp_path: Path
) -> None:
    archive = tmp_path / "device.tar"
    pack(bundle, archive, edge=True)
    setting = Setting(tmp_path, archive)
    try:
        setting.write(setting.folder_source(), head=HTTP.format(port=0))
        agent = setting.run()
        url = url_of(agent)
        assert httpx.get(f"{url}/healthz").json()["bundle"] == bundle.digest
        newer = another(bundle.path, tmp_path / "newer")
        archive.write_bytes(packed(newer, tmp_path))
        send(agent, signal.SIGHUP)
        agent.says("is read again")
        agent.says("watches 1 sources")
        assert httpx.get(f"{url}/healthz").json()["bundle"] == newer.digest
        archive.write_bytes(b"no archive")
        send(agent, signal.SIGHUP)
        assert "fetch it again" in agent.says("the old settings stay")
        setting.put("a.png")
        assert agent.answer()["route"] == "local"
    finally:
        setting.end()
