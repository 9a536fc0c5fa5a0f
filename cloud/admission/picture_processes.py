"""Pictures decoded in processes that can be killed: a hostile one costs a while, and no other request.

What decodes strangers' files may be theirs, so a process is believed nothing: it has so long, its replies
have bounds, and one that replies otherwise than `picture_worker` does is killed.
"""

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from protos import bundle_pb2 as pb
from protos.errors import CloudError, PictureError, RequestError, TooLarge
from protos.limits import check_sent_size

_MODULE = "cloud.admission.picture_worker"  # not imported here: it is a program
_SECONDS = 10.0  # to decode a picture; the largest that is accepted takes about one
_START_SECONDS = 60.0  # to load what decodes; 0.3 where the machine is not busy
_MAX_REPLY_BYTES = 1 << 12  # of a shape, or of a refusal
_ERRORS: dict[str, type[RequestError]] = {error.__name__: error for error in (PictureError, TooLarge)}


class _Broken(Exception):
    """The process died, was killed, or replied what no worker of ours does."""


class PictureProcesses:
    """As many workers as threads ask at once. Runs inside `with`; leaving it kills all that is at work."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._closed = False

    def __enter__(self) -> Self:
        self._idle.append(self._take())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True
        for worker in self._workers:
            worker.kill()

    def decode(self, data: bytes, manifest: pb.Manifest) -> NDArray[np.uint8]:
        """`pictures.decode_picture` in a worker. Raises PictureError or TooLarge; CloudError at the end."""
        worker = self._take()
        try:
            pixels = worker.decode(data, manifest, self._seconds)
        except RequestError:
            self._idle.append(worker)
            raise
        except _Broken as error:
            self._replace(worker)
            raise self._failure(worker) from error
        self._idle.append(worker)
        return pixels

    def _take(self) -> "_Worker":
        """One that is idle, or a new one."""
        with self._lock:
            if self._closed:
                raise _closing()
            while self._idle:
                if (worker := self._idle.pop()).usable:
                    return worker
                worker.kill()
                self._workers.discard(worker)
            return self._started()

    def _started(self) -> "_Worker":
        worker = _Worker()
        self._workers.add(worker)
        return worker

    def _replace(self, worker: "_Worker") -> None:
        """Kill a worker; the next one is loading while no picture waits for it."""
        worker.kill()
        with self._lock:
            if not self._closed:
                self._workers.discard(worker)
                self._idle.append(self._started())

    def _failure(self, worker: "_Worker") -> CloudError | PictureError:
        if self._closed:
            return _closing()
        why = f"takes more than {self._seconds:g} s to decode" if worker.late else "broke its decoder"
        return PictureError(f"the picture {why}; save it again as JPEG or PNG, or scale it down")


class _Worker:
    """A process, and what it is asked by.

    It is a program of its own, 0.3 s from start to ready: what multiprocessing starts would run the script
    once more in which a service may be embedded.
    """

    def __init__(self) -> None:
        self.late = self._ready = False
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=os.environ
                | {"PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in sys.path)},
                process_group=0,  # Ctrl-C is for the service, which drains first
            )

    def decode(self, data: bytes, manifest: pb.Manifest, seconds: float) -> NDArray[np.uint8]:
        """Raises what a worker refuses with, or _Broken."""
        asked = pb.Manifest(limits=manifest.limits, preprocessing=manifest.preprocessing)
        try:
            self._wait_until_ready()
            with self._killed_after(seconds):
                self._connection.send_bytes(asked.SerializeToString())
                self._connection.send_bytes(data)
                height, width, channels = _shape(self._connection.recv_bytes(_MAX_REPLY_BYTES), manifest)
                pixels = self._connection.recv_bytes(math.prod((height, width, channels)))
            return np.frombuffer(pixels, np.uint8).reshape(height, width, channels).copy()
        except (EOFError, OSError, ValueError) as error:
            raise _Broken from error

    @property
    def usable(self) -> bool:
        """Whether it lives, and is silent while it is not asked."""
        return self._process.poll() is None and not (self._ready and self._connection.poll())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _wait_until_ready(self) -> None:
        if not self._ready:
            with self._killed_after(_START_SECONDS):
                self._connection.recv_bytes(_MAX_REPLY_BYTES)
            self._ready = True

    @contextmanager
    def _killed_after(self, seconds: float) -> Iterator[None]:
        """Kill the process in the middle of whatever it does or leaves undone; reads and writes then end."""
        timer = threading.Timer(seconds, self._expire)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _expire(self) -> None:
        self.late = True
        self._process.kill()


def _shape(reply: bytes, manifest: pb.Manifest) -> tuple[int, int, int]:
    """The shape that a reply claims. Raises the refusal that it holds, or ValueError for what is neither."""
    try:
        claimed = json.loads(reply)
    except RecursionError as error:
        raise ValueError("a reply of countless parts") from error
    match claimed:
        case {"error": str(name), "message": str(message), "facts": dict(facts)} if name in _ERRORS:
            raise _refusal(name, message, facts)
        case {"shape": [int(height), int(width), 3]} if min(height, width) > 0:
            _check_size(height, width, manifest)
            return height, width, 3
    raise ValueError("neither a shape nor a refusal")


def _refusal(name: str, message: str, facts: dict[str, Any]) -> RequestError:
    error = _ERRORS[name](message)
    error.facts = facts
    return error


def _check_size(height: int, width: int, manifest: pb.Manifest) -> None:
    """Raises ValueError for a size that would have been refused by the file's header."""
    try:
        check_sent_size(height, width, manifest)
    except PictureError as error:
        raise ValueError("larger than is accepted") from error


def _closing() -> CloudError:
    return CloudError("the service is shutting down; ask again, another instance may answer")
