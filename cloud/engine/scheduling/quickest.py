"""How quick answers are at best, so that what cannot be in time is refused before it costs anything. Pure."""

from typing import NamedTuple

_FADING = 1.01  # what was quickest is believed a hundredth less with each answer that was not


class _Seconds(NamedTuple):
    alone: float  # an answer that waits for nobody
    work: float  # an answer's part of the steps that it shares with others


class Quickest:
    """The quickest answers of each bundle."""

    def __init__(self) -> None:
        self._seconds: dict[str, _Seconds] = {}

    def answered(self, bundle: str, alone: float, work: float) -> None:
        """An answer took so many seconds beside its waiting, and so many of the model's."""
        known = self._seconds.get(bundle, _Seconds(alone, work))
        self._seconds[bundle] = _Seconds(min(alone, known.alone * _FADING), min(work, known.work * _FADING))

    def seconds(self, bundle: str, ahead: int, sharing: int) -> float:
        """The least that another answer can take, where so many of its caller's are to be worked on before it
        and so many callers share the model. 0 while no answer of the bundle is known.
        """
        known = self._seconds.get(bundle, _Seconds(0.0, 0.0))
        return known.alone + ahead * sharing * known.work
