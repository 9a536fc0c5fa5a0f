"""A drawn camera on the network: MJPEG over HTTP, as many cameras have it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import cv2

from deploy.demo.agent.belt import frame
from splitter.nano.scenes import Raster

VIEWS = ("belt", "dock")  # cameras, each at its path
_PERIOD = 0.1  # seconds
_ZOOM = 4
_BOUNDARY = "frame"


@contextmanager
def drawn_cameras() -> Iterator[str]:
    """The address below which each of VIEWS is, as many times as it is opened."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Views)
    server.daemon_threads = True  # those who watch do not hold up the end
    thread = Thread(target=server.serve_forever, name="drawn cameras")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Views(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        view = self.path.strip("/")
        if view not in VIEWS:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.end_headers()
        try:
            self._play(VIEWS.index(view))
        except OSError:  # who watched has gone
            return

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def _play(self, seed: int) -> None:
        begun = time.monotonic()
        while True:
            data = _jpeg(frame(seed, time.monotonic() - begun))
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")
            time.sleep(_PERIOD)


def _jpeg(image: Raster) -> bytes:
    """Larger than it was drawn, for people."""
    large = cv2.resize(image, None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", large[..., ::-1])[1].tobytes()
