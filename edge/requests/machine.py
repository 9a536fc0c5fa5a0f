"""The machine around a request: what it takes of energy, what it has sent today, what it runs on."""

import time
from pathlib import Path

from edge.link.byte_count import ByteCount
from edge.power.battery import discharging_percent, has_battery
from edge.power.meter import SYSFS, open_meter
from edge.power.temperature import hottest_celsius
from protos.arms.rules import Conditions, Rules


class Machine:
    """`sysfs` is where the kernel tells of it; without a `count` nobody asks what was sent before."""

    def __init__(self, sysfs: Path = SYSFS, count: ByteCount | None = None) -> None:
        self._sysfs, self._count = sysfs, count or ByteCount(None, time.time)
        self.meter = open_meter(sysfs)

    def without_effect(self, rules: Rules) -> list[str]:
        """Of the rules that are set, what this machine has nothing to hold them against."""
        missing = {
            "--battery-floor: no battery is found": rules.battery_floor is not None
            and not has_battery(self._sysfs),
            "--temperature-ceiling: no thermal zone is found": rules.temperature_ceiling is not None
            and hottest_celsius(self._sysfs) is None,
        }
        return [words for words, absent in missing.items() if absent]

    def conditions(self, rules: Rules) -> Conditions:
        """What these rules ask for. Raises RequestError for a count of bytes that is not known."""
        limit = rules.bytes_per_day
        return Conditions(
            sent_today=0 if limit is None else self._count.today(limit),
            battery=None if rules.battery_floor is None else discharging_percent(self._sysfs),
            temperature=None if rules.temperature_ceiling is None else hottest_celsius(self._sysfs),
        )

    def reserve(self, size: int, rules: Rules) -> None:
        """Count a request that is about to be sent. Raises TooLarge where it would pass the day's limit."""
        self._count.reserve(size, rules.bytes_per_day)

    def give_back(self, size: int) -> None:
        """So many of the bytes that were counted did not leave."""
        if size:
            self._count.give_back(size)
