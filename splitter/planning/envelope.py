"""Which choice is the fastest at which uplink: exact, because every total is a straight line in 1 / uplink.

    total = fixed + 8000 bytes / uplink

As the uplink grows, a choice can only be overtaken by one that sends more bytes and takes less time beside
the network; where that happens follows from two lines. So the fastest choices form the lower hull of the
lines, walked from the slowest uplink up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from splitter.planning.choices import Choice

MIN_UPLINK, MAX_UPLINK = 64e3, 1e9


@dataclass(frozen=True)
class Stretch:
    """The uplinks (bits a second) between which a choice is the fastest."""

    low: float
    high: float
    choice: Choice


def fastest(
    among: Sequence[Choice], round_trip: float, low: float = MIN_UPLINK, high: float = MAX_UPLINK
) -> tuple[Stretch, ...]:
    """The fastest choice at every uplink from `low` to `high`; the stretches touch. Empty if there is nothing
    to choose from.
    """
    if not among:
        return ()
    stretches: list[Stretch] = []
    begin, now = low, min(among, key=lambda c: (c.total(low, round_trip), -c.bytes_up, c.loss))
    while overtaken := _overtaken(now, among, round_trip):
        uplink, after = max(overtaken[0], begin), overtaken[1]
        if uplink >= high:
            break
        if uplink > begin:
            stretches.append(Stretch(begin, uplink, now))
        begin, now = uplink, after
    return (*stretches, Stretch(begin, high, now))


def min_uplink(among: Sequence[Choice], round_trip: float, deadline: float) -> float | None:
    """The slowest steady uplink at which some choice meets the deadline: 0 if one needs no link, None if none
    ever does.
    """
    left = [(c, deadline - c.fixed(round_trip)) for c in among]
    return min((8000 * c.bytes_up / ms if c.bytes_up else 0.0 for c, ms in left if ms > 0), default=None)


def _overtaken(now: Choice, among: Sequence[Choice], round_trip: float) -> tuple[float, Choice] | None:
    """At which uplink a choice is first overtaken, and by which."""
    gained = [(c, now.fixed(round_trip) - c.fixed(round_trip)) for c in among if c.bytes_up > now.bytes_up]
    crossings = [(8000 * (c.bytes_up - now.bytes_up) / ms, c) for c, ms in gained if ms > 0]
    return min(
        crossings,
        key=lambda crossing: (crossing[0], -crossing[1].bytes_up, crossing[1].loss),
        default=None,
    )
