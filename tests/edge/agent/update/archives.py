"""A server of archives that can break off, and bundles that differ."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from protos.bundle import BESIDE, MANIFEST, Bundle, write_manifest
from splitter.storage.archive import pack


class ArchiveServer(ThreadingHTTPServer):
    """`files` by their path. `breaks`: after how many bytes of a body each of the next replies breaks off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.breaks = dict[str, bytes](), list[int]()
        self.asked: list[tuple[str, dict[str, str], int]] = []  # path, headers, status

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: ArchiveServer

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        if content is None:
            self._answers(404, b"")
            return
        etag = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
        begin = 0
        if self.headers["Range"] and self.headers["If-Range"] in {None, etag}:
            begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        if self.headers["If-None-Match"] == etag:
            self._answers(304, b"", ETag=etag)
        elif begin:
            size = len(content)
            part = {"Content-Range": f"bytes {begin}-{size - 1}/{size}"}
            self._answers(206, content[begin:], ETag=etag, **part)
        else:
            self._answers(200, content, ETag=etag)

    def _answers(self, status: int, body: bytes, **headers: str) -> None:
        self.server.asked.append((self.path, dict(self.headers.items()), status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        last = self.server.breaks.pop(0) if body and self.server.breaks else len(body)
        self.wfile.write(body[:last])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def archive_server() -> Iterator[ArchiveServer]:
    with ArchiveServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def another(bundle: Path, folder: Path) -> Bundle:
    """The same bundle by another digest, without what was measured of it."""
    shutil.copytree(bundle, folder, copy_function=os.link, ignore=shutil.ignore_patterns(*BESIDE, MANIFEST))
    (folder / MANIFEST).write_bytes((bundle / MANIFEST).read_bytes() + b"\n")
    return Bundle.open(folder)


def unusable(bundle: Path, folder: Path) -> Bundle:
    """A bundle that is whole, by its digests, and whose head no runtime opens."""
    found = another(bundle, folder)
    head = folder / found.manifest.pieces[0].path
    head.unlink()
    head.write_bytes(b"no model")
    write_manifest(folder, found.manifest)
    return Bundle.open(folder)


def packed(bundle: Bundle, folder: Path) -> bytes:
    """What a device fetches of it."""
    place = folder / f"{bundle.digest[:12]}.tar"
    pack(bundle, place, edge=True)
    return place.read_bytes()
