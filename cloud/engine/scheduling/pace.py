"""How long steps take, measured, and what newcomers owe to those who run. Pure: no clock of its own."""

from collections import defaultdict

_WEIGHT = 0.3  # of the last step in the mean of its size
_FADING = 1.03  # the quickest step is believed so much less with each that was not
_CREDIT = 0.1  # seconds that newcomers may take at once, of the half that is theirs


class StepTimes:
    """Seconds of a step by its rows, or tiles."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}

    def add(self, rows: int, seconds: float) -> None:
        """A step of so many rows took so long."""
        self._seconds[rows] = seconds + (1 - _WEIGHT) * (self._seconds.get(rows, seconds) - seconds)

    def add_quickest(self, rows: int, seconds: float) -> None:
        """The same where sizes are compared that come at different times: what else a machine does then makes
        steps slower, and the quickest ones tell of their size alone.
        """
        self._seconds[rows] = min(seconds, self._seconds.get(rows, seconds) * _FADING)

    def seconds(self, rows: int, least: float = 0.0) -> float | None:
        """How long a step of so many rows takes; None where none of as few, and at least `least`, was
        measured. A row that joins costs at most what one row of a smaller step did.
        """
        known = self._seconds.items()
        return min((seconds * rows / size for size, seconds in known if least <= size <= rows), default=None)

    @property
    def least(self) -> float | None:
        """The quickest step of any size."""
        return min(self._seconds.values(), default=None)


class Pace:
    """The steps of newcomers, and of short answers ahead of long ones, take at most half of the time while
    other answers are decoded, which do not stall so.
    """

    def __init__(self) -> None:
        self._times: defaultdict[str, StepTimes] = defaultdict(StepTimes)
        self._prompt_token: dict[str, float] = {}
        self._segments: defaultdict[tuple[str, int], StepTimes] = defaultdict(StepTimes)
        self.debt = 0.0  # seconds that others are decoded before the next such step; negative: a credit

    def seconds(self, bundle: str, rows: int, least: float = 0.0) -> float | None:
        """How long a bundle's decode step of so many rows takes at best; None where that is not known of so
        few, nor of fewer, down to `least`.
        """
        return self._times[bundle].seconds(rows, least)

    def token_seconds(self, bundle: str) -> float | None:
        """How long a bundle's decode step takes of the few rows that it is known for; None where it is for
        none.
        """
        return self._times[bundle].least

    def encoding_seconds(self, bundle: str, start: int, end: int, tiles: int) -> float | None:
        """How long so many tiles take from where `start` segments of the layers are left to where `end` are;
        None where that is not known.
        """
        times = [self._segments[bundle, left].seconds(tiles) for left in range(start, end, -1)]
        return None if None in times else sum(filter(None, times))

    def encoded(self, bundle: str, start: int, end: int, tiles: int, seconds: float) -> None:
        """A step of so many tiles from where `start` segments are left to where `end` are took so long: each
        segment its usual part of it.
        """
        usual = self.encoding_seconds(bundle, start, end, tiles)
        for left in range(start, end, -1):
            own = self._segments[bundle, left].seconds(tiles)
            part = own / usual if own and usual else 1 / (start - end)
            self._segments[bundle, left].add(tiles, part * seconds)

    def prompt_token_seconds(self, bundle: str) -> float | None:
        """How long a token of a prompt takes, padding as any other; None where that is not known."""
        return self._prompt_token.get(bundle)

    def prefilled(self, bundle: str, tokens: int, seconds: float) -> None:
        """A step of so many tokens of prompts took so long."""
        own = seconds / tokens
        self._prompt_token[bundle] = own + (1 - _WEIGHT) * (self._prompt_token.get(bundle, own) - own)

    def joined(self, seconds: float, *, stalled: bool) -> None:
        """A step of newcomers, or of short answers, took so long, and stalled other answers, or nobody."""
        self.debt = max(self.debt, min(self.debt, 0.0) + seconds) if stalled else 0.0

    def stalled(self, seconds: float) -> None:
        """A step of answers, which newcomers would have stalled, took so long."""
        self.debt = max(self.debt - seconds, -max(_CREDIT, seconds))

    def decoded(self, bundle: str, rows: int, seconds: float) -> None:
        """A decode step of so many rows took so long."""
        self._times[bundle].add_quickest(rows, seconds)
