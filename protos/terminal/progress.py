"""What a long command is at, on standard error: a bar on a terminal, elsewhere a line now and then."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich.progress
from rich.console import Console

from protos.terminal.units import format_time

SECONDS = 10.0  # from one line to the next where there is no terminal
_WORTH_TELLING = 1.0  # seconds that a step took
_COLUMNS = (
    rich.progress.SpinnerColumn(),
    rich.progress.TextColumn("{task.description}", markup=False),
    rich.progress.BarColumn(),
    rich.progress.TaskProgressColumn(show_speed=False),
    rich.progress.TimeElapsedColumn(),
    rich.progress.TextColumn("{task.fields[note]}", style="dim", markup=False),
)


class Progress:
    """The step that a command is at, and how far it has come. Told of from one thread."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._drawn, self._clock = console, console.is_terminal, clock
        self.bar = rich.progress.Progress(*_COLUMNS, console=console, transient=True, disable=not self._drawn)
        self._name, self._begun = "", 0.0
        self._task = self.bar.add_task("", total=None, visible=False, note="")

    def step(self, name: str, total: float | None = None) -> None:
        """Begin a step; `total` is how far it goes, if that is known."""
        self.end()
        self.bar.remove_task(self._task)
        self._task = self.bar.add_task(name, total=total, note="")
        self._name, self._begun = name, self._clock()
        self._tell(name)

    def update(self, done: float, total: float | None = None, note: str = "") -> None:
        """It has come so far; `note` says with what."""
        self.bar.update(self._task, completed=done, total=total, note=note)

    def advance(self, by: float = 1, note: str = "") -> None:
        self.bar.update(self._task, advance=by, note=note)

    def reach(self, step: str, done: float, total: float) -> None:
        """A step, which may be a new one, has come so far."""
        if step != self._name:
            self.step(step, total)
        self.update(done, total)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def end(self) -> None:
        """The step is over."""
        if self._name and (took := self._clock() - self._begun) >= _WORTH_TELLING:
            self._tell(f"{self._name}: done in {format_time(1000 * took)}")
        self._name = ""

    def tell(self) -> None:
        """A line with how far the step has come."""
        if self._name:
            task, took = self.bar.tasks[0], self._clock() - self._begun
            parts = filter(
                None, (_share(task.completed, task.total), task.fields["note"], format_time(1000 * took))
            )
            self._tell(f"{self._name}: {', '.join(parts)}")

    def _tell(self, line: str) -> None:
        if not self._drawn:
            self.say(line)


@contextmanager
def progress(seconds: float = SECONDS) -> Iterator[Progress]:
    """Shown while open."""
    shown, over = Progress(Console(stderr=True)), threading.Event()

    def tell() -> None:
        while not over.wait(seconds):
            shown.tell()

    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        with shown.bar:
            yield shown
        shown.end()
    finally:
        over.set()
        teller.join()


def _share(done: float, total: float | None) -> str:
    """How much is done: a count of whole things, else percent."""
    if not total:
        return f"{done:g}" if done else ""
    return f"{done:.0f} of {total:.0f}" if total > 1 else f"{done / total:.0%}"
