"""Pictures decoded in processes that can be killed: a hostile one costs a while, and no other request."""

import json
import multiprocessing
import threading
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cloud.admission import picture_worker
from protos import bundle_pb2 as pb
from protos.errors import CloudError, PictureError, RequestError, TooLarge

_SECONDS = 10.0  # to decode a picture; the largest that is accepted takes about one
_ERRORS: dict[str, type[RequestError]] = {error.__name__: error for error in (PictureError, TooLarge)}

# Its server has loaded what a worker needs, and no threads: a worker takes 20 ms to start.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([picture_worker.__name__])


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
        except (EOFError, OSError) as error:
            self._drop(worker)
            raise self._failure(error) from error
        self._idle.append(worker)
        return pixels

    def _take(self) -> "_Worker":
        """One that is idle, or a new one."""
        with self._lock:
            if self._closed:
                raise _closing()
            while self._idle:
                if (worker := self._idle.pop()).alive:
                    return worker
                self._workers.discard(worker)
            worker = _Worker()
            self._workers.add(worker)
            return worker

    def _drop(self, worker: "_Worker") -> None:
        worker.kill()
        with self._lock:
            if not self._closed:
                self._workers.discard(worker)

    def _failure(self, error: Exception) -> CloudError | PictureError:
        if self._closed:
            return _closing()
        if isinstance(error, TimeoutError):
            why = f"takes more than {self._seconds:g} s to decode"
        else:
            why = "broke its decoder"
        return PictureError(f"the picture {why}; save it again as JPEG or PNG, or scale it down")


class _Worker:
    """A process, and what it is asked by."""

    def __init__(self) -> None:
        self._connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=picture_worker.work, args=(theirs,), name="picture decoder", daemon=True
        )
        with theirs:
            self._process.start()

    def decode(self, data: bytes, manifest: pb.Manifest, seconds: float) -> NDArray[np.uint8]:
        """Raises what a worker refuses with, TimeoutError, EOFError or OSError."""
        asked = pb.Manifest(limits=manifest.limits, preprocessing=manifest.preprocessing)
        self._connection.send_bytes(asked.SerializeToString())
        self._connection.send_bytes(data)
        if not self._connection.poll(seconds):
            raise TimeoutError
        reply: dict[str, Any] = json.loads(self._connection.recv_bytes())
        if "error" in reply:
            raise _ERRORS[reply["error"]](reply["message"], **reply["facts"])
        pixels = np.empty(reply["shape"], np.uint8)
        self._connection.recv_bytes_into(pixels.data.cast("B"))
        return pixels

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _closing() -> CloudError:
    return CloudError("the service is shutting down; ask again, another instance may answer")
