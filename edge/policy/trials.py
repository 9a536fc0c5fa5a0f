"""How often a request may try a way that is not known well, so that nothing is believed for ever."""

TRIALS = 0.02  # the share of requests
_SAVED = 3.0  # trials that are saved at first, and may be saved up: a change is soon seen
_APART = 5  # requests from one to the next


class Trials:
    """Counts requests; nothing is left to chance."""

    def __init__(self, share: float = TRIALS) -> None:
        self._share, self._saved, self._since = share, _SAVED if share else 0.0, 0

    def due(self) -> bool:
        """Whether this request may be a trial."""
        return self._saved >= 1.0 and self._since >= _APART

    def count(self, trial: bool) -> None:
        """A request was decided."""
        self._saved = min(self._saved + self._share, _SAVED) - trial
        self._since = 0 if trial else self._since + 1
