"""Names that two devices bear at once: the broker hangs up on each as the other connects."""

from collections import deque

_REMEMBERED = 4  # processes of a device, the last ones
_DISPUTED_SECONDS = 600.0  # since the last sign: each waits up to half a minute before it connects again


class Disputes:
    """Each process of a device has an `instance` of its own. One that is born again behind the birth of
    another has not ended meanwhile: two run at once. Times are seconds of any clock. Pure.
    """

    def __init__(self) -> None:
        self._born: dict[str, deque[str]] = {}
        self._at: dict[str, float] = {}
        self._until: dict[str, float] = {}

    def born(self, device: str, instance: str, at: float) -> bool:
        """Whether this birth shows that two devices have one name. Those that tell no instance show nothing,
        nor does a birth that is taken once more because it could not be written.
        """
        if not instance or at <= self._at.get(device, 0.0):
            return False
        self._at[device] = at
        seen = self._born.setdefault(device, deque(maxlen=_REMEMBERED))
        if seen and seen[-1] == instance:
            return False
        shows = instance in seen
        seen.append(instance)
        if shows:
            self._until[device] = at + _DISPUTED_SECONDS
        return shows

    def disputed(self, device: str, at: float) -> bool:
        """Whether that was so lately."""
        if (until := self._until.get(device)) is None:
            return False
        if at < until:
            return True
        del self._until[device]
        return False
