"""Who holds how much of something bounded, and who has to give way where it is full."""

from collections import Counter
from collections.abc import KeysView

from cloud.sharing.caller import Caller

_Size = tuple[int, int]  # held by the address, and by the connection


class Holdings:
    """Units that callers hold: places, or bytes."""

    def __init__(self) -> None:
        self.total = 0
        self._by_address: Counter[str] = Counter()
        self._by_caller: Counter[Caller] = Counter()

    def take(self, caller: Caller, units: int = 1) -> None:
        """Count units, fewer where it is a negative number. Who holds none is forgotten."""
        self.total += units
        self._by_address[caller.address] += units
        self._by_caller[caller] += units
        if not self._by_caller[caller]:
            del self._by_caller[caller]
        if not self._by_address[caller.address]:
            del self._by_address[caller.address]

    @property
    def callers(self) -> KeysView[Caller]:
        """Who holds any."""
        return self._by_caller.keys()

    def of(self, caller: Caller) -> int:
        """What a connection holds."""
        return self._by_caller[caller]

    def size(self, caller: Caller) -> _Size:
        """What a caller holds, to be compared with what another does."""
        return self._by_address[caller.address], self._by_caller[caller]

    def greediest(self) -> Caller:
        """Who holds most. There must be one."""
        return max(self._by_caller, key=self.size)

    def gives_way(self, holder: Caller, newcomer: Caller, *, idle: bool = False) -> bool:
        """Whether a holder has more than a newcomer would have, so that who wins now is not the next to lose;
        of what lies idle, whether it has more than the newcomer has now, or is the newcomer.
        """
        if holder == newcomer:
            return idle
        level = holder.address == newcomer.address  # 0: addresses are compared, 1: connections of one
        return self.size(holder)[level] > self.size(newcomer)[level] + (not idle)
