"""What every stage of a split knows of the run: the options, the finished steps, and where to report."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from splitter.recipe import Options
from splitter.storage.parts import Parts

Say = Callable[[str], None]
StepProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Run:
    """`parts` keeps what an interrupted run has finished; `say` is told of each step, `advance` of (step,
    done, of) within long ones.
    """

    options: Options
    parts: Parts
    say: Say
    advance: StepProgress

    def tell(self, lines: Iterable[str]) -> list[str]:
        """Say every line, and give them back for the report."""
        told = list(lines)
        for line in told:
            self.say(line)
        return told
