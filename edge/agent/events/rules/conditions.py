"""Whether an answer is the one that an event is of: pure."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

from edge.agent.settings.events import EventSettings

MAX_CHARACTERS = 4096  # of an answer that are looked at
_APART = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.])-?\d+(?:\.\d+)?(?!\w)")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {"no": 0.0, "none": 0.0} | {word: float(value) for value, word in enumerate(_WORDS)}


class Observed(NamedTuple):
    """An answer, as rules see it. `probability`: that of a dual encoder's label."""

    text: str
    probability: float | None = None


Condition = Callable[[Observed], bool]


def plain(text: str) -> str:
    """Without case, punctuation and width: `Yes.` and `yes` are one."""
    folded = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()
    return _APART.sub(" ", folded).strip()


def number_in(text: str) -> float | None:
    """The first number of an answer, in digits or, up to ten, as an English word."""
    if found := _NUMBER.search(text[:MAX_CHARACTERS]):
        return float(found[0].replace(",", ""))
    return next((_NUMBERS[word] for word in plain(text).split() if word in _NUMBERS), None)


def condition(settings: EventSettings) -> Condition:
    """All conditions that are given, as one. Raises RequestError for an expression that is none."""
    wanted = list(_conditions(settings))
    return lambda observed: all(holds(observed) for holds in wanted)


def _conditions(settings: EventSettings) -> Iterator[Condition]:
    if equal := {plain(text) for text in settings.equal_to}:
        yield lambda observed: plain(observed.text) in equal
    if parts := [plain(text) for text in settings.containing]:
        yield lambda observed: any(part in plain(observed.text) for part in parts)
    if settings.matches:
        expression = settings.expression()
        yield lambda observed: expression.search(observed.text[:MAX_CHARACTERS]) is not None
    if (above := settings.above) is not None:
        yield lambda observed: (number := number_in(observed.text)) is not None and number > above
    if (below := settings.below) is not None:
        yield lambda observed: (number := number_in(observed.text)) is not None and number < below
    if (percent := settings.probability) is not None:
        yield lambda observed: observed.probability is not None and 100 * observed.probability >= percent
