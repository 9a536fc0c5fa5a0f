"""Questions of all who ask, on their way to an answer."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from protos.errors import IsthmusError


class Traffic:
    """Counts, on the event loop's thread. `failed`: since the agent began, by the status of why."""

    def __init__(self) -> None:
        self.waiting, self.failed = 0, Counter[str]()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Around a question that waits for its answer."""
        self.waiting += 1
        try:
            yield
        except IsthmusError as error:
            self.failed[error.status] += 1
            raise
        finally:
            self.waiting -= 1
