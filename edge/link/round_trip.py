"""How long a reply takes that the cloud need not think about, learned from those that came."""

_GAIN, _DEVIATION_GAIN, _DEVIATIONS = 1 / 8, 1 / 4, 4.0  # alpha, beta and K of RFC 6298
_LEAST_SECONDS = 0.01  # a thread may be woken that much later


class RoundTrip:
    """Smoothed mean and deviation, as TCP has them for its retransmissions (RFC 6298)."""

    def __init__(self) -> None:
        self._mean: float | None = None
        self._deviation = 0.0

    def observe(self, seconds: float) -> None:
        """A reply came in so many seconds."""
        if self._mean is None:
            self._mean, self._deviation = seconds, seconds / 2
            return
        self._deviation += _DEVIATION_GAIN * (abs(self._mean - seconds) - self._deviation)
        self._mean += _GAIN * (seconds - self._mean)

    @property
    def longest(self) -> float:
        """Seconds after which one that has not come yet most likely does not; 0 before the first came."""
        if self._mean is None:
            return 0.0
        return self._mean + max(_DEVIATIONS * self._deviation, _LEAST_SECONDS)
