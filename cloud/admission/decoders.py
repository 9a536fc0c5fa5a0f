"""Where requests are decoded: features and pictures each in threads of their own, by callers' turns."""

from types import TracebackType
from typing import Self

from cloud.admission.cached_inputs import Request
from cloud.admission.picture_processes import PictureProcesses
from cloud.sharing.turns import Turns

_FEATURE_THREADS = 2  # torch has the other cores
_PICTURE_THREADS = 2  # each waits for a process, then prepares the pixels


class Decoders:
    """Two pools of threads, so that no picture holds features up, and the processes that decode pictures.

    Runs inside `with`; leaving it waits for no picture.
    """

    def __init__(self) -> None:
        self.pictures = PictureProcesses()
        self.features = Turns(_FEATURE_THREADS, "decode features")
        self._pictures = Turns(_PICTURE_THREADS, "decode pictures")

    def turns(self, request: Request) -> Turns:
        """The threads for a request."""
        return self._pictures if request.WhichOneof("input") == "picture" else self.features

    def __enter__(self) -> Self:
        self.pictures.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pictures.__exit__(kind, error, trace)
        for turns in (self.features, self._pictures):
            turns.shutdown()
