"""An HTTP server that answers as it is told, and knows what it was sent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from tests.edge.agent.events.sinks.feeding import until


class Posted(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class WebhookServer:
    """`script`: the status of each reply, with headers; what comes after is answered 204."""

    def __init__(self, *script: int | tuple[int, dict[str, str]]) -> None:
        self._script = list(script)
        self.posted: list[Posted] = []
        self.port = 0

    async def has(self, count: int) -> list[Posted]:
        """What was posted, once it is as much."""
        await until(lambda: len(self.posted) >= count)
        return self.posted

    def reply(self, posted: Posted) -> tuple[int, dict[str, str]]:
        self.posted.append(posted)
        reply = self._script.pop(0) if self._script else 204
        return (reply, {}) if isinstance(reply, int) else reply


@contextmanager
def serving(server: WebhookServer, port: int = 0) -> Iterator[str]:
    """Its url."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = server.reply(Posted(self.path, dict(self.headers), body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as http:
        server.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/hook/s3cret-path"
        finally:
            http.shutdown()
            thread.join()
