"""Which devices an operator should look at first, and why: pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from cloud.fleet.console.layout import ago, percent
from cloud.fleet.console.survey import is_fresh, slowness
from cloud.fleet.storage.latest import DeviceNow

_SLOW, _FAILING, _MIN_ANSWERS = 1.5, 0.02, 5


class Outlier(NamedTuple):
    """`weight`: more is worse; 0: nothing is the matter."""

    device: DeviceNow
    weight: float
    why: str


def ranked(devices: Sequence[DeviceNow], usual: Mapping[str, float], now: float) -> Sequence[Outlier]:
    """All devices, the worst first. `usual`: the median P95, by class."""
    found = (outlier(device, usual, now) for device in devices)
    return sorted(found, key=lambda one: (-one.weight, one.device.name))


def outlier(device: DeviceNow, usual: Mapping[str, float], now: float) -> Outlier:
    """With all that is the matter, the worst first."""
    found = sorted(_matters(device, usual, now), reverse=True)
    return Outlier(device, found[0][0] if found else 0.0, "; ".join(words for _, words in found))


def _matters(device: DeviceNow, usual: Mapping[str, float], now: float) -> Iterator[tuple[float, str]]:
    if device.refused:
        yield 5.0, f"refuses its settings: {device.refused}"
    asked = device.answers + device.failed
    if asked >= _MIN_ANSWERS and (share := device.failed / asked) > _FAILING:
        yield 3 + share, f"{percent(share)} of its answers fail"
    slow = slowness(device, usual)
    if slow is not None and slow > _SLOW:
        yield 1 + min(slow, 10) / 5, f"P95 is {slow:.1f} times its class's"
    if device.connection != "online":
        yield 1.0, f"{device.connection} for {ago(now - device.since)}" if device.since else device.connection
    elif not is_fresh(device, now):
        yield (
            1.2,
            f"connected, and tells no telemetry for {ago(now - device.told)}"
            if device.told
            else ("connected, and has told no telemetry"),
        )
    if device.taking_over:
        yield 0.5, "takes a bundle over"
    elif device.awaited:
        yield 0.7, "does not report its desired settings yet"
