"""Pictures that are named by an address: below allowed folders, on hosts that are listed, nothing else."""

import http.server
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge.agent.http.pictures.fetching import Fetcher
from edge.agent.http.pictures.opening import Pictures
from edge.agent.http.settings import HttpSettings
from edge.agent.settings.quantities import Bytes
from protos.errors import PictureError
from protos.http.refusals import Refused
from tests.edge.agent.http.serving import png, scene

DATA = png(scene())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "a b.png").write_bytes(DATA)
    (tmp_path / "secret.png").write_bytes(DATA)
    return allowed


async def test_a_file_below_an_allowed_folder(folder: Path) -> None:
    pictures = Pictures(HttpSettings(allowed_folders=(folder,)))
    (folder / "link.png").symlink_to(folder / "a b.png")
    for name in ("a%20b.png", "link.png", "../allowed/a%20b.png"):
        assert np.array_equal(await pictures.open(f"file://{folder}/{name}"), scene())


@pytest.mark.parametrize(
    "name", ["../secret.png", "%2e%2e/secret.png", "out.png", "none.png", "", "pipe", "loop.png", "a%00b.png"]
)
async def test_what_lies_outside_is_as_if_it_were_not_there(folder: Path, name: str) -> None:
    (folder / "out.png").symlink_to(folder.parent / "secret.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    os.mkfifo(folder / "pipe")
    with pytest.raises(Refused, match="no such file lies below"):
        await Pictures(HttpSettings(allowed_folders=(folder,))).open(f"file://{folder}/{name}")


async def test_no_file_is_read_unless_folders_are_listed(folder: Path) -> None:
    with pytest.raises(Refused, match=r"list folders in http\.allowed-folders"):
        await Pictures(HttpSettings()).open(f"file://{folder}/a%20b.png")


async def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    with pytest.raises(Refused, match="more than 10 bytes"):
        await Pictures(HttpSettings(allowed_folders=(folder,), max_body=Bytes(10))).open(
            f"file://{folder}/a%20b.png"
        )


@contextmanager
def web() -> Iterator[str]:
    """A web server: /picture, /endless, /moved to /picture, /silent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/silent":
                ended.wait()
                return
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("location", "/picture")
            self.end_headers()
            try:
                while self.path == "/endless":
                    self.wfile.write(bytes(10_000))
                self.wfile.write(DATA)
            except ConnectionError:
                return

        def log_message(self, *_: object) -> None:
            pass

    ended = threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            ended.set()
            server.shutdown()
            thread.join()


async def test_a_picture_is_fetched_from_a_host_that_is_listed() -> None:
    with web() as url:
        pictures = Pictures(HttpSettings(allow_http=("127.0.0.1",)))
        assert np.array_equal(await pictures.open(f"{url}/picture"), scene())


async def test_nothing_else_is_fetched() -> None:
    with web() as url:
        with pytest.raises(Refused, match="fetches no pictures"):
            await Pictures(HttpSettings()).open(f"{url}/picture")
        with pytest.raises(Refused, match=r"'127\.0\.0\.1' is not listed"):
            await Pictures(HttpSettings(allow_http=("example.org",))).open(f"{url}/picture")
        with pytest.raises(PictureError, match="answered 302"):
            await Pictures(HttpSettings(allow_http=("127.0.0.1",))).open(f"{url}/moved")


async def test_what_is_fetched_has_an_end() -> None:
    with web() as url:
        with pytest.raises(Refused, match="more than 100000 bytes"):
            await Fetcher(["127.0.0.1"], 100_000, 60).fetch(f"{url}/endless")
        with pytest.raises(Refused, match="gave no picture in"):
            await Fetcher(["127.0.0.1"], 100_000, 0.2).fetch(f"{url}/silent")


async def test_a_listed_name_that_is_this_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolved(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("127.0.0.1", 80)), (0, 0, 0, "", ("169.254.169.254", 80))]

    monkeypatch.setattr("anyio.getaddrinfo", resolved)
    with pytest.raises(Refused, match="is this device itself"):
        await Fetcher(["images.example"], 1000, 1).fetch("http://images.example/a.png")
