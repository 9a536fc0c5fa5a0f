"""What the two pictures of a plan share: which choices have a colour, and where the axes lie."""

from collections.abc import Sequence
from dataclasses import dataclass

from splitter.planning.choices import Choice
from splitter.planning.plan import Option, Plan
from splitter.planning.svg import LogAxis, element

WIDTH = 960.0
COLOURS = 6
MIN_MS = 0.01  # a time on a logarithmic axis is above 0
LETTER = 7.2  # the width of a letter, about


@dataclass(frozen=True)
class Frame:
    """Where a chart's axes lie."""

    x: LogAxis
    y: LogAxis

    @property
    def left(self) -> float:
        return self.x.start

    @property
    def right(self) -> float:
        return self.x.end

    @property
    def bottom(self) -> float:
        return self.y.start

    @property
    def top(self) -> float:
        return self.y.end


def drawn(plan: Plan) -> list[Option]:
    """The options that have a colour: those on the front, the recommended one, and the fastest at some
    uplink.
    """
    best = {stretch.choice.name for stretch in (*plan.stretches, *plan.remote)} | {plan.recommended.name}
    return [option for option in plan.options if option.front or option.name in best]


def colour(plan: Plan, choice: Choice) -> str:
    """The style class that gives a choice its colour."""
    names = [one.name for one in drawn(plan)]
    return f"c{names.index(choice.name) % COLOURS}" if choice.name in names else "other"


def weight(plan: Plan, option: Option) -> str:
    """Bold for the recommended choice, faint for one that loses too much."""
    return "best" if option.name == plan.recommended.name else "" if option.accurate else "faint"


def drawing(words: str, height: float, parts: Sequence[str]) -> str:
    return element(
        "svg", "".join(parts), viewBox=f"0 0 {WIDTH:.0f} {height:.0f}", role="img", aria_label=words
    )
