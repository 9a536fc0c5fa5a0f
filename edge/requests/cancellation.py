"""How a caller takes a request back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from protos.errors import Cancelled


class Cancellation:
    """Given to a request; `cancel` ends it, from any thread: its call to the cloud at once, an answer of the
    device's own at the next piece of its text.
    """

    def __init__(self) -> None:
        self._lock, self._cancelled = Lock(), False
        self._acts: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """The answer is not wanted any more."""
        with self._lock:
            self._cancelled, acts = True, list(self._acts)
        for act in acts:
            act()

    def check(self) -> None:
        """Raises Cancelled where it was cancelled."""
        if self._cancelled:
            raise Cancelled("the request was cancelled by who asked; ask again if its answer is wanted")

    @contextmanager
    def ending(self, act: Callable[[], None]) -> Iterator[None]:
        """Within, `cancel` calls `act` too; at once, where it was cancelled before."""
        with self._lock:
            self._acts.append(act)
            late = self._cancelled
        try:
            if late:
                act()
            yield
        finally:
            with self._lock:
                self._acts.remove(act)
