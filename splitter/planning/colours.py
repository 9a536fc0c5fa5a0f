"""What the two charts of a plan share: which choices have a name, and how a kind of choice is drawn."""

from splitter.planning.choices import Choice
from splitter.planning.plan import Option, Plan

WIDTH = 960.0
MIN_MS = 0.01  # a time on a logarithmic axis is above 0
DASHES = {"split": "none", "upload": "8 4", "local": "2 4", "cascade": "6 2 2 2"}
SHAPES = {"split": "disc", "upload": "square", "local": "diamond", "cascade": "triangle"}


def drawn(plan: Plan) -> list[Option]:
    """The options that have a name: the front, the recommended one, and the fastest at some uplink."""
    best = {stretch.choice.name for stretch in (*plan.stretches, *plan.remote)} | {plan.recommended.name}
    return [option for option in plan.options if option.front or option.name in best]


def colour(choice: Choice) -> str:
    """The style class that gives a kind of choice its colour."""
    return choice.kind if choice.kind in SHAPES else "other"


def weight(plan: Plan, option: Option) -> str:
    """Bold for the recommended choice, faint for one that loses too much."""
    return "best" if option.name == plan.recommended.name else "" if option.accurate else "faint"
