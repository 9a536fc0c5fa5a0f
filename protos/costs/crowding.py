"""What keeping the device or its link busy costs the others."""

_NEVER_DONE = 30.0  # times as dear: what cannot be done as often as it is asked for


def delay_of_others(busy_ms: float, rate: float, waited_ms: float) -> float:
    """By how much s = `busy_ms` of work delays all others together, in milliseconds, where `rate` come a
    second and this request has waited for `waited_ms`, or will.

    Those who came while it waited are behind it, and those who come meanwhile wait for half of it on average:
    s rate (waited + s / 2), the marginal cost of a queue (Vickrey 1969). Where less than s lies between two
    who come, a queue of such work would never end, and each piece delays all who come while it lasts: that is
    dear before anyone waits. Each may be an array, of an entry a device.
    """
    load = busy_ms * rate / 1000
    return load * (waited_ms + busy_ms / 2) * (1 + (_NEVER_DONE - 1) * (load >= 1))
