"""Work that tells text as it comes, done by a thread of its own while another passes the text on."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Result = TypeVar("Result")
Tell = Callable[[str], None]


def ignore() -> None:
    """Do nothing."""


class Background(Generic[Result]):
    """What has come of the work so far. Its thread is the only one that writes."""

    def __init__(self, work: Callable[[Tell], Result], on_end: Callable[[], None] = ignore) -> None:
        """`on_end` is called by the work's thread once it has a result or an error."""
        self._work, self._on_end = work, on_end
        self._texts = SimpleQueue[str | None]()  # None: the end
        self._result: list[Result] = []
        self._error: BaseException | None = None
        self._passed_on = False  # all text was

    @property
    def done(self) -> bool:
        """Whether there is a result."""
        return bool(self._result)

    def check(self) -> None:
        """Raise what the work has raised, if it has."""
        if self._error is not None:
            raise self._error

    def pass_on(self, tell: Tell, seconds: float = math.inf) -> bool:
        """Pass the text on as it comes, for at most so long; whether that was all. Raises what the work
        raised.
        """
        until = time.monotonic() + seconds
        while not self._passed_on:
            left = until - time.monotonic()
            try:
                text = self._texts.get(timeout=None if left == math.inf else max(left, 0.0))
            except Empty:
                return False
            if text is None:
                self._passed_on = True
            else:
                tell(text)
        self.check()
        return True

    def finish(self, tell: Tell) -> Result:
        """Pass the text on as it comes, to the end. Raises what the work raised."""
        self.pass_on(tell)
        return self._result[0]

    def run(self) -> None:
        """What the thread does."""
        try:
            self._result.append(self._work(self._texts.put))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is waited for
            self._error = error
        finally:
            self._texts.put(None)
            self._on_end()


@contextmanager
def working(
    work: Callable[[Tell], Result],
    stop: Callable[[], None],
    *,
    name: str,
    on_end: Callable[[], None] = ignore,
) -> Iterator[Background[Result]]:
    """Begin the work. In the end it is told to `stop`, if it still goes on, and its thread is gone."""
    background = Background(work, on_end)
    thread = threading.Thread(target=background.run, name=name)
    thread.start()
    try:
        yield background
    finally:
        if thread.is_alive() and not background.done:
            stop()
        thread.join()
