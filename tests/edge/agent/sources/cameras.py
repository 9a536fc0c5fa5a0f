"""Cameras on the network that play a script: MJPEG over HTTP, and RTSP with MJPEG in RTP over TCP (RFC 2435).
Each connection gets so many frames, then it is dropped, or nothing more comes.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import cv2
import numpy as np

SIDE = 64
_SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n"
_MAX_PAYLOAD = 1200


class ScriptedCamera:
    """`connections` counts those that came; `hangs`: after its frames a connection stays, silent."""

    def __init__(self, frames: int, *, hangs: bool = False, seconds: float = 0.01) -> None:
        self.frames, self.hangs, self.seconds = frames, hangs, seconds
        self.connections, self.closing, self.url = 0, Event(), ""


def jpeg(level: int) -> bytes:
    """A grey picture."""
    picture = np.full((SIDE, SIDE, 3), level % 256, np.uint8)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111])[1].tobytes()


@contextmanager
def http_camera(camera: ScriptedCamera) -> Iterator[ScriptedCamera]:
    """At `camera.url`."""
    yield from _serving(camera, "http", _play_http)


@contextmanager
def rtsp_camera(camera: ScriptedCamera) -> Iterator[ScriptedCamera]:
    """At `camera.url`, with a user and a password that it does not look at."""
    yield from _serving(camera, "rtsp", _play_rtsp)


def _serving(
    camera: ScriptedCamera, scheme: str, play: Callable[[ScriptedCamera, socket.socket], None]
) -> Iterator[ScriptedCamera]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        camera.url = f"{scheme}://user:geheim@127.0.0.1:{server.getsockname()[1]}/live?token=geheim"
        thread = Thread(target=_accept, args=(camera, server, play))
        thread.start()
        try:
            yield camera
        finally:
            camera.closing.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(
    camera: ScriptedCamera, server: socket.socket, play: Callable[[ScriptedCamera, socket.socket], None]
) -> None:
    while not camera.closing.is_set():
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            camera.connections += 1
            try:
                play(camera, connection)
            except OSError:
                continue


def _play_http(camera: ScriptedCamera, connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=cut\r\n\r\n")
    for number in range(camera.frames):
        data = jpeg(number)
        head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data + b"\r\n")
        time.sleep(camera.seconds)
    if camera.hangs:
        camera.closing.wait(60)


def _play_rtsp(camera: ScriptedCamera, connection: socket.socket) -> None:
    for request in _requests(connection):
        method = request.split()[0]
        number = next(line for line in request.splitlines() if line.startswith("CSeq"))
        told = {
            "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}",
            "SETUP": "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1",
            "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN",
        }.get(method, "Session: 1")
        body = _SDP if method == "DESCRIBE" else ""
        connection.sendall(f"RTSP/1.0 200 OK\r\n{number}\r\n{told}\r\n\r\n{body}".encode())
        if method == "PLAY":
            _send_frames(camera, connection)
            return


def _requests(connection: socket.socket) -> Iterator[str]:
    data = b""
    while more := connection.recv(65536):
        data += more
        while b"\r\n\r\n" in data:
            request, _, data = data.partition(b"\r\n\r\n")
            yield request.decode()


def _send_frames(camera: ScriptedCamera, connection: socket.socket) -> None:
    sequence = 0
    for number in range(camera.frames):
        tables, scan = _tables_and_scan(jpeg(number))
        for at in range(0, len(scan), _MAX_PAYLOAD):
            part = scan[at : at + _MAX_PAYLOAD]
            last = at + len(part) == len(scan)
            head = struct.pack("!BBHII", 0x80, 26 | 0x80 * last, sequence & 0xFFFF, 3600 * number, 7)
            coded = struct.pack("!IBBBB", at, 1, 255, SIDE // 8, SIDE // 8)
            quantized = struct.pack("!BBH", 0, 0, len(tables)) + tables if at == 0 else b""
            packet = head + coded + quantized + part
            connection.sendall(struct.pack("!cBH", b"$", 0, len(packet)) + packet)
            sequence += 1
        time.sleep(camera.seconds)
    if camera.hangs:
        camera.closing.wait(60)


def _tables_and_scan(data: bytes) -> tuple[bytes, bytes]:
    """The two quantisation tables of a JPEG, and its coded pixels."""
    tables, at = b"", 2
    while True:
        marker, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        segment = data[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xDB:
            for start in range(0, len(segment), 65):
                tables += segment[start + 1 : start + 65]
        if marker == 0xDA:
            return tables, data[at:-2]
