"""Where requests are decoded: features and pictures each in threads of their own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from cloud.admission.cached_inputs import Request
from cloud.admission.picture_processes import PictureProcesses
from protos.errors import CloudBusy

_FEATURE_THREADS = 2  # torch has the other cores
_PICTURE_THREADS = 2  # each waits for a process, then prepares the pixels


class Decoders:
    """Two pools of threads, so that no picture holds features up, and the processes that decode pictures.

    Runs inside `with`; leaving it waits for no picture.
    """

    def __init__(self, max_waiting: int) -> None:
        """`max_waiting`: requests that may wait in all; pictures may be three quarters of them."""
        self._waiting, self._max_pictures = 0, max(1, max_waiting * 3 // 4)
        self.pictures = PictureProcesses()
        self._features = ThreadPoolExecutor(_FEATURE_THREADS, thread_name_prefix="decode features")
        self._pictures = ThreadPoolExecutor(_PICTURE_THREADS, thread_name_prefix="decode pictures")

    @contextmanager
    def pool(self, request: Request) -> Iterator[ThreadPoolExecutor]:
        """The threads for a request. Raises CloudBusy for a picture where too many are decoded already."""
        if request.WhichOneof("input") != "picture":
            yield self._features
            return
        if self._waiting >= self._max_pictures:
            message = f"{self._waiting} pictures wait here already; try again in a moment, or send features"
            raise CloudBusy(message, waiting=self._waiting)
        self._waiting += 1
        try:
            yield self._pictures
        finally:
            self._waiting -= 1

    def __enter__(self) -> Self:
        self.pictures.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pictures.__exit__(kind, error, trace)
        for pool in (self._features, self._pictures):
            pool.shutdown(wait=False, cancel_futures=True)
