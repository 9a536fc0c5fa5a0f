"""Whether an answer is the one that an event is of: pure."""

import re
import unicodedata
from collections.abc import Callable, Iterator

from edge.agent.settings.events import EventSettings

Condition = Callable[[str, float | None], bool]  # of an answer, and its probability where it has one

MAX_CHARACTERS = 4096  # of an answer that are looked at
_APART = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.])-?\d+(?:\.\d+)?(?!\w)")
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {"no": 0.0, "none": 0.0} | {word: float(value) for value, word in enumerate(_WORDS)}


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
    return lambda text, probability: all(holds(text, probability) for holds in wanted)


def _conditions(settings: EventSettings) -> Iterator[Condition]:
    if equal := {plain(text) for text in _texts(settings.equals)}:
        yield lambda text, _: plain(text) in equal
    if parts := [plain(text) for text in _texts(settings.contains)]:
        yield lambda text, _: any(part in plain(text) for part in parts)
    if settings.matches:
        expression = settings.expression()
        yield lambda text, _: expression.search(text[:MAX_CHARACTERS]) is not None
    if (above := settings.above) is not None:
        yield lambda text, _: (number := number_in(text)) is not None and number > above
    if (below := settings.below) is not None:
        yield lambda text, _: (number := number_in(text)) is not None and number < below
    if (percent := settings.probability) is not None:
        yield lambda _, probability: probability is not None and 100 * probability >= percent


def _texts(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else given
