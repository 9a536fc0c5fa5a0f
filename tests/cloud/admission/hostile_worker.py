"""A picture worker that a picture has taken over. `HOSTILE` names what it does."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from cloud.admission import picture_worker
from protos import bundle_pb2 as pb
from protos.errors import PictureError

HOSTILE = "HOSTILE"
REFUSAL = {"error": PictureError.__name__, "message": "no", "facts": {}}
REPLIES = {
    "no JSON": b"\x80\x04\x95",
    "no UTF-8": b'"\xff"',
    "not an object": b"[1]",
    "nothing": b"",
    "deep": b"[" * 4000,
    "no key": b"{}",
    "another key": json.dumps({"size": [1, 1, 3]}).encode(),
    "unknown error": json.dumps(REFUSAL | {"error": "SystemExit"}).encode(),
    "error without words": json.dumps({"error": "PictureError"}).encode(),
    "words that are none": json.dumps(REFUSAL | {"message": ["no"]}).encode(),
    "huge": json.dumps({"shape": [1 << 30, 1 << 30, 3]}).encode(),
    "just too large": json.dumps({"shape": [4097, 4097, 3]}).encode(),
    "negative": json.dumps({"shape": [-1, -1, 3]}).encode(),
    "empty": json.dumps({"shape": [0, 0, 3]}).encode(),
    "four channels": json.dumps({"shape": [1, 1, 4]}).encode(),
    "four dimensions": json.dumps({"shape": [1, 1, 1, 3]}).encode(),
    "fractions": b'{"shape": [1.5, NaN, 3]}',
    "text": json.dumps({"shape": "113"}).encode(),
    "long": json.dumps(REFUSAL | {"message": "x" * 100_000}).encode(),
}


def told(reply: bytes) -> Callable[[Connection], None]:
    """A worker that replies this, and then waits for its next victim."""

    def tell(connection: Connection) -> None:
        connection.recv_bytes()
        connection.recv_bytes()
        connection.send_bytes(reply)
        time.sleep(3600)

    return tell


def never(connection: Connection) -> None:
    """Its picture has no end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.recv_bytes()
    time.sleep(3600)


def half_a_reply(connection: Connection) -> None:
    """Promises 100 bytes and sends two."""
    connection.recv_bytes()
    os.write(connection.fileno(), b"\0\0\0\x64{}")
    time.sleep(3600)


def endless_reply(connection: Connection) -> None:
    """Promises an exabyte."""
    connection.recv_bytes()
    connection.recv_bytes()
    os.write(connection.fileno(), b"\xff\xff\xff\xff" + (1 << 60).to_bytes(8))
    time.sleep(3600)


def other_pixels(connection: Connection) -> None:
    """Sends more pixels than the shape has."""
    connection.recv_bytes()
    connection.recv_bytes()
    connection.send_bytes(b'{"shape": [1, 1, 3]}')
    connection.send_bytes(bytes(1000))
    time.sleep(3600)


def fewer_pixels(connection: Connection) -> None:
    """Sends less pixels than the shape has."""
    connection.recv_bytes()
    connection.recv_bytes()
    connection.send_bytes(b'{"shape": [1, 2, 3]}')
    connection.send_bytes(bytes(3))
    time.sleep(3600)


def in_little_memory(connection: Connection) -> None:
    """Honest; but the usual bounds are too much for it."""
    picture_worker._BASE_BYTES, picture_worker._BYTES_A_PIXEL = 1 << 20, 0
    picture_worker.work(connection)


def in_advance(connection: Connection) -> None:
    """Honest, and answers the next question before it is asked."""
    manifest, data = connection.recv_bytes(), connection.recv_bytes()
    picture_worker._answer(connection, data, pb.Manifest.FromString(manifest))
    connection.send_bytes(json.dumps(REFUSAL).encode())
    time.sleep(3600)


WORKERS = {
    work.__name__: work
    for work in (never, half_a_reply, endless_reply, other_pixels, fewer_pixels, in_little_memory, in_advance)
} | {name: told(reply) for name, reply in REPLIES.items()}


if __name__ == "__main__":
    asked = Connection(int(sys.argv[1]))
    asked.send_bytes(b"ready")
    WORKERS[os.environ[HOSTILE]](asked)
