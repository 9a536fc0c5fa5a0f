"""What keeping the device or its link busy costs the others."""

from edge.policy.arrivals import Flow

_LEAST_LEFT = 1 / 30  # of its time, that is believed to be left where it is asked more than it can do


def delay_of_others(busy_ms: float, flow: Flow, waited_ms: float) -> float:
    """By how much s = `busy_ms` of work delays all others together, in milliseconds, where this request has
    waited for `waited_ms`, or will.

    Those who came while it waited are behind it, and those who come meanwhile wait for half of it on average:
    s rate (waited + s / 2), the marginal cost of a queue (Vickrey 1969). They in turn are delayed until the
    queue is empty, which takes the longer the less time is left beside the work, as if all that come did the
    same: 1 / (1 - s rate) times of what comes by chance, not longer of what comes like clockwork, and between
    them in proportion to the variability (Kingman 1961). What cannot be done as often as it is asked for is
    dear even while nobody waits.
    """
    load = busy_ms * flow.rate / 1000
    left = max(1 - load, _LEAST_LEFT)
    longer = 1 + flow.variability * load / left if load < 1 else 1 / left
    return load * (waited_ms + busy_ms / 2) * longer
